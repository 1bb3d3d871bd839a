"""A client with a Mi Home app session, and a phone that confirms sign-ins."""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import TYPE_CHECKING, Any

from custom_components.xiaomi_smart_lock.miot.app.client import AppClient
from custom_components.xiaomi_smart_lock.miot.app.login import AppLogin, QrCode, SessionData
from custom_components.xiaomi_smart_lock.miot.endpoints import Endpoints, load

if TYPE_CHECKING:
    import aiohttp

    from tests.lock_driver import LockDriver
    from tests.miot.conftest import Liar


class App:
    """A client of the app's API, and the account's owner."""

    def __init__(self, driver: LockDriver, session: aiohttp.ClientSession) -> None:
        """Sign in without a phone."""
        self.driver = driver
        self.did = driver.lock.did
        self.cloud = driver.simulator.cloud
        self.session = session
        self.endpoints = load(driver.simulator.endpoints)
        self.tls = ssl.create_default_context(cafile=self.endpoints.ca_file)
        self.login = AppLogin(session, self.tls, self.endpoints)
        self.data = SessionData(
            **driver.simulation.call(
                self.cloud.app_accounts.sign_in, driver.account, self.login.device_id
            )
        )
        self.renewed: list[SessionData] = []
        self.client = self.as_client(self.data)
        self._seen = len(self.cloud.requests)

    def as_client(self, data: SessionData) -> AppClient:
        """Return a client for a session. Renewed sessions are recorded in ``renewed``."""
        return AppClient(self.session, self.tls, self.endpoints, "cn", data, self.renewed.append)

    def phone(self, act: str, code: QrCode, *args: object) -> None:
        """Do something with a QR code on the phone."""
        accounts = self.cloud.app_accounts
        self.driver.simulation.call(getattr(accounts, act), code.login_url, *args)

    async def waiting(self, code: QrCode) -> asyncio.Task[SessionData]:
        """Start to wait for the confirmation of a code; return the task after its first request."""
        asked = len(self.cloud.requests)
        task = asyncio.create_task(self.login.wait(code))
        while len(self.cloud.requests) == asked:
            await asyncio.sleep(0.005)
        return task

    def paths(self) -> list[str]:
        """Return the last part of the path of each request since the last call."""
        seen, self._seen = self._seen, len(self.cloud.requests)
        return [path.rpartition("/")[2] for path, _ in self.cloud.requests[seen:]]

    def camera(self, **settings: Any) -> None:
        """Set attributes of the lock's camera."""
        for name, value in settings.items():
            setattr(self.driver.lock.camera, name, value)


def of_liar(session: aiohttp.ClientSession, liar: Liar) -> AppClient:
    """Return a client of a lying service."""
    endpoints = Endpoints(
        account=liar.url, app_api=f"{liar.url}/app", camera=liar.url, pictures=liar.url
    )
    data = SessionData("1", "two", "three", base64.b64encode(bytes(16)).decode(), "five", "six")
    return AppClient(session, liar.tls, endpoints, "cn", data, lambda _data: None)
