"""A client of the cloud, written from the description of the protocol."""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aiohttp import ClientResponse, ClientSession

CLIENT_ID: Final = 2882303761520251711
REDIRECT: Final = "http://homeassistant.local:8123/api/webhook/1"
GET_TOKEN: Final = "/app/v2/ha/oauth/get_token"


@dataclass
class Client:
    """A client with a device id, of the cloud in an endpoints file."""

    session: ClientSession
    endpoints: Path
    device_id: str = "ha.7c0ffee0"
    token: str = ""
    refresh_token: str = ""
    addresses: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        """Read the addresses, and trust only their authority."""
        self.addresses = json.loads(self.endpoints.read_text(encoding="utf-8"))
        self.tls = ssl.create_default_context(cafile=self.addresses["ca_file"])

    @property
    def query(self) -> dict[str, str]:
        """The query of the sign-in page."""
        return {
            "client_id": str(CLIENT_ID),
            "response_type": "code",
            "redirect_uri": REDIRECT,
            "device_id": self.device_id,
            "state": "s1",
            "skip_confirm": "false",
        }

    async def authorize(self, **changes: str) -> ClientResponse:
        """Open the sign-in page."""
        return await self.session.get(
            self.addresses["authorize"], params=self.query | changes, ssl=self.tls
        )

    async def press(self, label: str) -> ClientResponse:
        """Press a button of the sign-in page, without following the redirect."""
        html = await (await self.authorize()).text()
        found = re.search(rf'<button name="user" value="([^"]*)">{re.escape(label)}<', html)
        assert found, html
        return await self.session.post(
            self.addresses["authorize"],
            params=self.query,
            data={"user": unescape(found[1])},
            ssl=self.tls,
            allow_redirects=False,
        )

    async def get_token(
        self, data: Mapping[str, object], headers: dict[str, str] | None = None
    ) -> ClientResponse:
        """Request tokens."""
        given = {"client_id": CLIENT_ID, "redirect_uri": REDIRECT, **data}
        return await self.session.get(
            self.addresses["api"] + GET_TOKEN,
            params={"data": json.dumps(given)},
            headers={"Content-Type": "application/x-www-form-urlencoded"} | (headers or {}),
            ssl=self.tls,
        )

    async def exchange(self, code: str, /, **changes: object) -> ClientResponse:
        """Request tokens for a code."""
        return await self.get_token({"code": code, "device_id": self.device_id, **changes})

    async def renew(self, refresh_token: str) -> ClientResponse:
        """Request tokens for a refresh token."""
        return await self.get_token({"refresh_token": refresh_token})

    async def code(self, name: str = "Ming") -> str:
        """Sign in; return the code in the redirect."""
        response = await self.press(f"Sign in as {name}")
        assert response.status == 302
        return re.search(r"[?&]code=([^&]+)", response.headers["Location"])[1]  # type: ignore[index]

    async def sign_in(self, name: str = "Ming") -> None:
        """Sign in, and store the tokens."""
        await self.keep(await self.exchange(await self.code(name)))

    async def keep(self, response: ClientResponse) -> dict[str, Any]:
        """Store the tokens of an answer; return its result."""
        assert response.status == 200, await response.text()
        answer = await response.json()
        assert answer["code"] == 0
        result: dict[str, Any] = answer["result"]
        self.token, self.refresh_token = result["access_token"], result["refresh_token"]
        return result

    async def post(
        self, path: str, body: object, headers: dict[str, str | None] | None = None
    ) -> ClientResponse:
        """Send a request to the API. Headers of None are left out."""
        all_headers = {
            "X-Client-BizId": "haapi",
            "X-Client-AppId": str(CLIENT_ID),
            "Authorization": f"Bearer{self.token}",
            "Content-Type": "application/json",
        } | (headers or {})
        return await self.session.post(
            self.addresses["api"] + path,
            data=json.dumps(body),
            headers={name: value for name, value in all_headers.items() if value is not None},
            skip_auto_headers=["Content-Type"],
            ssl=self.tls,
        )

    async def answer(self, path: str, body: object) -> dict[str, Any]:
        """Send a request to the API; return the whole answer."""
        response = await self.post(path, body)
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer

    async def call(self, path: str, body: object) -> Any:
        """Send a request to the API; return the result of the answer."""
        answer = await self.answer(path, body)
        assert answer["code"] == 0, answer
        return answer["result"]
