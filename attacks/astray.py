"""Attacks by Xiaomi's cloud that lead to other files and hosts, or disclose secrets."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Final, override
from urllib.parse import unquote

from aiohttp import web

from custom_components.xiaomi_smart_lock.const import DOMAIN
from demo.setup import allow_unlocking, set_options
from simulator import faults
from simulator.camera import Camera

from .attack import HELD, Attacks, expect
from .house import CODE, WRONG
from .lies import (
    ACTING,
    DEVICES,
    FLOW,
    LOGIN,
    MEDIA,
    PICTURE,
    PLAYLIST,
    READING,
    SEEN,
    TOKENS,
    WHO,
    added,
    another_account,
    another_lock,
    devices_of,
    goes_on,
    having_seen,
    lying,
    paths,
    reload,
)
from .traces import (
    PATIENCE,
    failures,
    files,
    stored,
    written,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from simulator.lock import Lock

    from .house import House

ATTACKS: Final = Attacks(WHO)


DIDS: Final = (
    *("../../x", "..", ".", "a/b", "a\\b", "/etc/x", "%2e%2e", "a%2fb", "x\x00", "a..b", "*", ""),
    *("1" * 200, "a b", "a\nb", "é"),
)


@ATTACKS.try_to("give a lock an id that leads to another file")
async def _lead_to_files(house: House) -> str:
    def list_them(answer: dict[str, Any]) -> dict[str, Any]:
        listed = answer["result"]["list"]
        listed += [listed[0] | {"did": did, "name": f"Garage {did}"} for did in DIDS]
        return answer

    before = files(house)
    async with another_account(house) as account:
        lock = house.simulator.add_lock(account)
        with lying(house, faults.changed(list_them), DEVICES):
            async with added(house, account) as entry_id:
                devices = await devices_of(house, entry_id)
                astray = _astray(files(house) - before)
    dids = [did for device in devices for _, did in device["identifiers"]]
    expect(lock.did in dids, "what is listed is not added")
    if taken := [did for did in dids if did in DIDS]:
        return f"{taken[0]!a} is taken"
    return f"{astray[0]} is new" if astray else HELD


_KEPT: Final = re.compile(
    r"home-assistant/(\.storage/[^/]+|home-assistant[^/]*|media/Xiaomi Smart Lock/[^/]+/[^/]+\.jpg)"
)


def _astray(new: set[str]) -> list[str]:
    """Return the new files outside the places for storage, database and pictures."""
    return sorted(file for file in new if not _KEPT.fullmatch(file))


NAMES_OF_FILES: Final = (
    *("Usual", "../x", "../../x", "../../../x", "..", "%2e%2e/x", "a\\..\\b\x00", "大" * 300),
)


@ATTACKS.try_to("have a picture written where a lock's name leads", in_short=False)
async def _lead_pictures(house: House) -> str:
    lock, home, name = house.lock, house.homes[house.lock], house.lock.name
    async with _media(house):
        await set_options(house.owner, home.entry_id, {"keep_pictures": 30})
        try:
            with having_seen(lock, 1):
                for hostile in NAMES_OF_FILES:
                    before, lock.name = files(house), hostile
                    await reload(house, lock)
                    while not (new := _pictures(files(house) - before)):  # noqa: ASYNC110
                        await asyncio.sleep(0.1)
                    if astray := _astray(new):
                        return f"{astray[0]} is new"
                    for picture in new:
                        (house.configuration.parent / picture).unlink()
        finally:
            lock.name = name
            await set_options(house.owner, home.entry_id, {"keep_pictures": 0})
    return HELD


def _pictures(new: set[str]) -> set[str]:
    """Return the pictures among files."""
    return {file for file in new if file.endswith(".jpg")}


@asynccontextmanager
async def _media(house: House) -> AsyncIterator[None]:
    """Set Home Assistant's media folder to one in its own folder, and restore it on exit."""
    path, folder = house.configuration / "configuration.yaml", house.configuration / "media"
    text = path.read_text(encoding="utf-8")

    async def configure(text: str) -> None:
        path.write_text(text, encoding="utf-8")
        await house.owner.command(
            "call_service", domain="homeassistant", service="reload_core_config"
        )

    folder.mkdir()
    begin = "homeassistant:\n"
    await configure(text.replace(begin, f"{begin}  media_dirs: {{local: {folder}}}\n"))
    try:
        yield
    finally:
        await configure(text)
        rmtree(folder)


INSIDE: Final = ("127.0.0.4", "::1", "169.254.169.254", "10.9.8.7")
"""Addresses at which attacks listen for visits. The cloud itself has others."""
NAMED: Final = ("nas", "nas.local", "router.lan", "db.internal", "cdn.example")
"""Names that resolve to the first of them."""
PORTS: Final = (80, 443, 8443)
HOSTS: Final = (
    *("127.0.0.4", "127.4", "0177.0.0.4", "2130706436", "0x7f000004", "localhost", "localhost."),
    *("[::1]", "[::ffff:127.0.0.4]", "[::ffff:7f00:4]", "169.254.169.254", "10.9.8.7"),
    *("nas", "nas.local", "router.lan", "db.internal", "nas.local:8443", "cdn.example:8443"),
    *("business.smartcamera.api.io.mi.com@127.0.0.4", "\N{FULLWIDTH DIGIT ONE}27.0.0.4"),
)
PLACES: Final = (
    *(f"https://{host}/x" for host in HOSTS),
    *(
        "http://127.0.0.4/x",
        "http://cdn.example/x",
        "//127.0.0.4/x",
        "https:127.0.0.4",
        "file:///x",
    ),
)
"""Addresses with which a cloud could direct requests into the local network."""


@asynccontextmanager
async def _overheard() -> AsyncIterator[list[str]]:
    """Listen at all these addresses; yield the growing list of visits."""
    came: list[str] = []
    hosts = Path("/etc/hosts")
    known = hosts.read_text(encoding="utf-8")

    async def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(str(writer.get_extra_info("sockname")))
        writer.close()

    async with AsyncExitStack() as stack:
        for address in INSIDE[2:]:
            await _address("add", address)
            stack.push_async_callback(_address, "delete", address)
        hosts.write_text(f"{known}\n{INSIDE[0]} {' '.join(NAMED)}\n", encoding="utf-8")
        stack.callback(hosts.write_text, known, encoding="utf-8")
        for place in product(INSIDE, PORTS):
            await stack.enter_async_context(await asyncio.start_server(note, *place))
        yield came


async def _address(change: str, address: str) -> None:
    """Add an address to the loopback interface, or delete it.

    Raises NotTriedError if that fails.
    """
    command = ("ip", "address", change, f"{address}/32", "dev", "lo")
    process = await asyncio.create_subprocess_exec(*command)
    expect(await process.wait() == 0, f"there is no {address} to {change}")


def _leading(pattern: bytes, place: str) -> faults.Fault:
    """Return a fault that replaces addresses in an answer."""
    return faults.spoilt(lambda body: re.sub(pattern, place.encode(), body))


@ATTACKS.try_to("have recordings fetched from who is in the house", in_short=False)
async def _lead_inside(house: House) -> str:
    lock, asked = house.lock, len(house.simulator.cloud.requests)
    patterns = (rb"https://\S+/file[^\s]+", rb'https://[^"]+/key')
    led = [(place, pattern) for place in PLACES for pattern in patterns]
    with having_seen(lock, len(led) + 1) as [usual, *others]:
        address = f"/api/{DOMAIN}/{lock.did}"
        expect(await house.owner.file(f"{address}/{usual.created}/video.m3u8"), "nothing is played")
        async with _overheard() as came:
            for (place, pattern), sight in zip(led, others, strict=True):
                with lying(house, _leading(pattern, place), PLAYLIST):
                    await house.owner.file(f"{address}/{sight.created}/video.m3u8")
                if came or "/x" in paths(house, asked):
                    return f"somebody came to {place}"
    times = sum(PLAYLIST in path for path in paths(house, asked))
    expect(times > len(led), "nothing was to be played")
    return HELD


class _Forger(Camera):
    """A camera whose pictures are HTML pages."""

    @override
    def picture(self, file_id: str, store_id: str, zone: float = 8.0) -> bytes | None:
        """Return an HTML page if there is a picture, else None."""
        there = super().picture(file_id, store_id, zone)
        return b"<html><script>alert(1)</script></html>" if there else None


@ATTACKS.try_to("have a page opened that says it is a picture")
async def _forge_picture(house: House) -> str:
    lock, camera = house.lock, house.lock.camera
    with having_seen(lock, 2) as (usual, forged):
        address = f"/api/{DOMAIN}/{lock.did}"
        expect(await house.owner.file(f"{address}/{usual.created}/picture.jpg"), "no picture")
        lock.camera = _Forger(lock.clock)
        lock.camera.sights = camera.sights
        try:
            shown = await house.owner.file(f"{address}/{forged.created}/picture.jpg")
        finally:
            lock.camera = camera
    return "it is served" if shown else HELD


TIMES: Final = (10**400, 2**62, 253_402_300_800_000, 4_102_444_800_000, -1, 1e300, "x", None)
"""Milliseconds. Some are outside any calendar, and one is in the year 2100."""


@ATTACKS.try_to("have the newest picture be of a day that never comes")
async def _freeze_picture(house: House) -> str:
    lock, before, states = house.lock, failures(house), house.owner.states
    entity_id = house.entity_id(lock, "image.last_visitor")
    uploaded, lock.camera.upload_seconds = lock.camera.upload_seconds, 0
    try:
        with having_seen(lock, 1):
            listed = lock.camera.listed(0, 10**15, 1)
            [unit] = listed["thirdPartPlayUnits"]
            units = [unit | {"createTime": moment} for moment in TIMES]
            answer = {"code": 0, "data": listed | {"thirdPartPlayUnits": units}}
            with lying(house, faults.said(json.dumps(answer), "application/json"), SEEN):
                await reload(house, lock, SEEN)
                await goes_on(house, lock)
            shown = states[entity_id].state
            lock.ring()
            if not await house.owner.wait_until(
                lambda: states[entity_id].state not in (shown, "unknown"), PATIENCE
            ):
                return "who rings is not shown anymore"
        return f"{failures(house) - before} errors" if failures(house) > before else HELD
    finally:
        lock.camera.upload_seconds = uploaded
        await reload(house, lock)


PASSWORD: Final = "8642086"


class _Echo:
    """An answer that repeats the whole request, credentials included."""

    def __init__(self, status: int) -> None:
        self.said = ""
        self._status = status

    async def __call__(self, request: web.Request, _handler: faults.Handler) -> web.Response:
        asked = [str(request.url), await request.text(), *request.headers.values()]
        self.said += " ".join(asked)
        answer = {"code": -6, "message": " ".join(asked), "result": asked, "data": asked}
        return web.json_response(answer, status=self._status)


def _secrets(house: House) -> dict[str, str]:
    """Return all secrets with their names."""
    entries = stored(house, "core.config_entries")["data"]["entries"]
    ours = [entry["data"] for entry in entries if entry["domain"] == DOMAIN]
    secrets = {PASSWORD: "a password", CODE: "a code", WRONG: "a wrong code"}
    secrets |= {lock.token: "a lock's token" for lock in house.simulator.cloud.locks.values()}
    for data in ours:
        for name in ("access", "refresh"):
            if name in data.get("tokens", ()):
                secrets[data["tokens"][name]] = f"the account's {name}"
        for name in APP_SECRETS:
            if name in data.get("app", ()):
                secrets[data["app"][name]] = f"the app's {name}"
    return secrets


APP_SECRETS: Final = ("pass_token", "ssecurity", "service_token")


SENT: Final = {
    *(f"the account's {name}" for name in ("access", "refresh")),
    *(f"the app's {name}" for name in APP_SECRETS),
}
"""Secrets that the cloud receives, and could repeat in answers."""


@ATTACKS.try_to("have secrets logged or shown", in_short=False)
async def _leak(house: House) -> str:
    start = datetime.now(UTC)
    await _log_at(house, "debug")
    before = len(house.log)
    try:
        async with another_lock(house) as lock:
            await allow_unlocking(house.owner, house.homes[lock].entry_id, CODE)
            entity_id = house.entity_id(lock, "lock.lock")
            expect(not await house.unlock(house.owner, lock), "the right code does not unlock")
            await house.unlock(house.owner, lock, WRONG)
            await house.owner.action(f"{DOMAIN}.set_user", entity_id, user_id=7)
            await house.owner.action(
                f"{DOMAIN}.set_credential",
                entity_id,
                user_id=7,
                credential_type="password",
                credential_data=PASSWORD,
            )
            entry_id = house.homes[lock].entry_id
            expect(await written(house, "core.config_entries", entry_id), "it is not written")
            secrets = _secrets(house)
            echoes = [await _provoke(house, lock, status) for status in (200, 400, 500)]
            secrets |= _secrets(house)
            shown = await _all_that_is_shown(house, start)
            expect("DEBUG" in house.log[before:], "nothing is logged")
    finally:
        await _log_at(house, "warning")
    sent = {what for secret, what in secrets.items() if _has("".join(echoes), secret)}
    expect(sent >= SENT, f"{SENT - sent} were never sent")
    shown["the log"] = house.log[before:]
    for secret, what in secrets.items():
        for where, text in shown.items():
            if _has(text, secret):
                return f"{what} is in {where}"
    return HELD


def _has(text: str, secret: str) -> bool:
    """Return whether a text contains a secret, plain or URL-encoded; digits must stand alone."""
    if secret.isdigit():
        return bool(re.search(rf"(?<!\d){secret}(?!\d)", text))
    return secret in text or secret in unquote(text)


async def _log_at(house: House, level: str) -> None:
    await house.owner.command(
        "call_service",
        domain="logger",
        service="set_level",
        service_data={f"custom_components.{DOMAIN}": level},
    )


async def _provoke(house: House, lock: Lock, status: int) -> str:
    """Let every kind of request fail; return everything that Home Assistant sent in them."""
    cloud, echo = house.simulator.cloud, _Echo(status)
    for path in (DEVICES, READING):
        with lying(house, echo, path):
            await reload(house, lock, path)
    with lying(house, echo, ACTING):
        await house.unlock(house.owner, lock)
    with having_seen(house.lock, 1) as [sight]:
        for path, name in ((PICTURE, "picture.jpg"), (PLAYLIST, "video.m3u8")):
            with lying(house, echo, path):
                await house.owner.file(f"/api/{DOMAIN}/{house.lock.did}/{sight.created}/{name}")
    cloud.expire_access_tokens()
    with lying(house, echo, TOKENS):
        await reload(house, lock, TOKENS)
    cloud.app_accounts.expire_service_tokens()
    for path in (SEEN, LOGIN):
        with lying(house, echo, path):
            await reload(house, house.lock, path)
    for one, path in ((lock, READING), (house.lock, SEEN)):
        await reload(house, one, path)
    for flow in await house.owner.command("config_entries/flow/progress"):
        if flow["handler"] == DOMAIN and flow["context"]["source"] == "reauth":
            await house.owner.delete(f"{FLOW}/{flow['flow_id']}")
    return echo.said


async def _all_that_is_shown(house: House, start: datetime) -> dict[str, str]:
    """Return what the owner can see, by its source."""
    entries = {home.entry_id for home in house.homes.values()}
    shown = {
        f"{kind}": json.dumps(await house.owner.command(kind, **fields))
        for kind, fields in {
            "get_states": {},
            "system_log/list": {},
            "config_entries/get": {},
            "config_entries/flow/progress": {},
            "config/device_registry/list": {},
            "config/entity_registry/list": {},
            "repairs/list_issues": {},
            "persistent_notification/get": {},
            "logbook/get_events": {"start_time": start.isoformat()},
            "media_source/browse_media": {"media_content_id": f"{MEDIA}/{house.lock.did}"},
        }.items()
    }
    for number, entry_id in enumerate(entries):
        path = f"/api/diagnostics/config_entry/{entry_id}"
        shown[f"diagnostics {number}"] = json.dumps(await house.owner.get(path))
    return shown
