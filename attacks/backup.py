"""A thief with a backup, or with the machine on which Home Assistant runs."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import stat
import subprocess
import time
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import web

from custom_components.xiaomi_smart_lock.const import (
    CONF_APP,
    CONF_DID,
    CONF_KEEP_PICTURES,
    CONF_TOKENS,
    DOMAIN,
    ENDPOINTS_VARIABLE,
)
from custom_components.xiaomi_smart_lock.miot.endpoints import ADDRESSES
from demo.home_assistant import running
from demo.setup import set_options
from scripts.package import INTEGRATION, PROJECT, package
from simulator.tls import Authority

from .attack import HELD, Attacks, expect
from .house import CODE, ELSEWHERE, PORT, WRONG

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    from simulator.lock import Lock

    from .house import House

ATTACKS: Final = Attacks("A thief with a backup, or with the machine")

OTHER_CODE: Final = "8310572946"
PASSWORD: Final = "4815162342"
VISITOR: Final = 7
PASSWORD_ID: Final = 20
BLOCKED: Final = "Too many wrong codes"
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
ANOTHER_MACHINE: Final = "192.0.2.1"
"""An address of this machine in the network of scripts/attack that is not loopback."""
LONG_AGO: Final = "2020-01-01 12.00.00 bell.jpg"
BAIT: Final = json.dumps({"version": 1, "minor_version": 1, "key": "bait", "data": {}})


# Files on the disk


def _storage(house: House) -> Path:
    return house.configuration / ".storage"


def _ours(house: House) -> list[Path]:
    """Return the integration's storage files."""
    return sorted(_storage(house).glob(f"{DOMAIN}*"))


def _file(house: House, lock: Lock, kind: str = "") -> Path:
    return _storage(house) / f"{DOMAIN}.{lock.did}{kind}"


def _media(house: House) -> Path:
    return house.configuration / "media"


def _open_to_others(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.stat().st_mode & OTHERS]


def _holding(house: House, secret: str) -> list[str]:
    """Return the names of Home Assistant's files that contain a text, database and log included."""
    return sorted(
        path.name for path in house.configuration.rglob("*") if secret.encode() in _content(path)
    )


def _content(path: Path) -> bytes:
    """Return the content of a file, b"" for a folder or a file that no longer exists."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return b""


async def _soon(condition: Callable[[], object], seconds: float = 20) -> bool:
    """Wait for a condition; return whether it became true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.1)
    return True


async def _recorded(house: House) -> None:
    """Wait until all events so far are in the database.

    Raises NotTriedError if they are not recorded.
    """
    mark = f"mark{time.monotonic_ns()}"
    await house.owner.post(f"/api/events/{DOMAIN}_mark", {"mark": mark})
    expect(await _soon(lambda: _holding(house, mark)), "events are not recorded")


def _texts(kept: object) -> list[str]:
    """Return all texts in JSON that are longer than 15 characters and may be secrets."""
    match kept:
        case dict():
            return [text for value in kept.values() for text in _texts(value)]
        case list():
            return [text for value in kept for text in _texts(value)]
        case str() if len(kept) > 15:
            return [kept]
    return []


def _entries(house: House) -> list[dict[str, Any]]:
    """Return the integration's config entries as they are on the disk."""
    kept = json.loads((_storage(house) / "core.config_entries").read_bytes())
    return [entry for entry in kept["data"]["entries"] if entry["domain"] == DOMAIN]


@ATTACKS.try_to("read what is kept of locks as another user of the system")
async def _read_as_another_user(house: House) -> str:
    kept = [_file(house, lock) for lock in house.locks]
    await house.reload(house.lock)
    await house.reload(house.nearby)
    expect(all(path.exists() for path in kept), "nothing is kept of the locks")
    expect(_open_to_others([_storage(house) / "core.config_entries"]), "nobody else reads anything")
    return ", ".join(path.name for path in _open_to_others(_ours(house)))


@ATTACKS.try_to("find tokens in what is kept of locks, in the database or in a log")
async def _find_tokens(house: House) -> str:
    await house.reload(house.lock)
    await house.reload(house.nearby)
    await _recorded(house)
    secrets = {house.lock.token, house.shut.token, house.nearby.token}
    for entry in _entries(house):
        secrets |= {*_texts(entry["data"].get(CONF_TOKENS)), *_texts(entry["data"].get(CONF_APP))}
    expect(len(secrets) > 5, "the settings have no tokens")
    expect("core.config_entries" in _holding(house, house.nearby.token), "no file has a token")
    found = {name for secret in secrets for name in _holding(house, secret)}
    return ", ".join(sorted(found - {"core.config_entries"}))


@ATTACKS.try_to("put something into a release that its checksum does not tell")
async def _change_a_release(house: House) -> str:  # noqa: ARG001
    with TemporaryDirectory() as temporary:
        return await asyncio.to_thread(_release_twice, Path(temporary))


def _release_twice(directory: Path) -> str:
    zips = []
    for name in ("honest", "changed"):
        clone, out = directory / name, directory / f"{name}-out"
        command = ["git", "clone", "--quiet", "--no-hardlinks", str(PROJECT), str(clone)]
        made = subprocess.run(command, check=False, capture_output=True)
        expect(made.returncode == 0, "the project is no clone of git")
        if name == "changed":
            for file in ("lock.py", "backdoor.py"):
                (clone / INTEGRATION / file).write_text("import backdoor\n", encoding="utf-8")
        out.mkdir()
        zips.append(package("1.2.3", out, clone))
    honest, changed = zips
    if honest.read_bytes() != changed.read_bytes():
        return "what lies in a clone gets into the zip"
    expect(_checksum_is_right(honest), "the checksum of an honest zip is wrong")
    content = bytearray(honest.read_bytes())
    content[len(content) // 2] ^= 1
    honest.write_bytes(content)
    return "the checksum is still right" if _checksum_is_right(honest) else HELD


def _checksum_is_right(path: Path) -> bool:
    command = ["sha256sum", "--check", "--status", f"{path.name}.sha256"]
    return subprocess.run(command, cwd=path.parent, check=False).returncode == 0


# After a restart with a file of addresses, and with the configuration that users are told to write
# to keep codes out of the database


async def _start_again(house: House) -> list[str]:
    """Restart with that configuration; return the files that contained a code before."""
    house.lock.wake()
    expect(not await house.unlock(house.guest, house.lock), "the right code does not unlock")
    await _recorded(house)
    held = _holding(house, CODE)
    await house.end()
    page = (PROJECT / "docs/unlocking.md").read_text(encoding="utf-8")
    [lines] = re.findall(r"```yaml\n(recorder:.+?)```", page, re.DOTALL)
    media = f"homeassistant:\n  media_dirs:\n    local: {_media(house)}\n"
    file = house.configuration / "configuration.yaml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("homeassistant:\n", media).replace("recorder:\n", lines)
    file.write_text(text, encoding="utf-8")
    _media(house).mkdir()
    _write_addresses(house)
    await house.start({ENDPOINTS_VARIABLE: str(_addresses(house))})
    return held


def _addresses(house: House) -> Path:
    return house.configuration / "addresses" / "endpoints.json"


def _write_addresses(house: House) -> None:
    """Write the file of addresses as its owner would, with an authority of its own."""
    file = _addresses(house)
    shutil.rmtree(file.parent, ignore_errors=True)
    file.parent.mkdir()
    authority = file.with_name("authority.pem")
    addresses = json.loads(house.simulator.endpoints.read_bytes())
    shutil.copy(addresses["ca_file"], authority)
    file.write_text(json.dumps(addresses | {"ca_file": str(authority)}), encoding="utf-8")
    for path in (file, authority):
        path.chmod(0o600)


def _lead(house: House, **addresses: str) -> None:
    """Change addresses in the file."""
    file = _addresses(house)
    changed = json.loads(file.read_bytes()) | addresses
    file.write_text(json.dumps(changed), encoding="utf-8")


@asynccontextmanager
async def _listening(host: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Listener]:
    """Listen at a host as an attacker who wants to receive tokens."""
    listener = Listener()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", listener.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, host, 0, ssl_context=tls)
    await site.start()
    [(_, port)] = runner.addresses
    listener.address = f"{'https' if tls else 'http'}://{host}:{port}"
    try:
        yield listener
    finally:
        await runner.cleanup()


class Listener:
    """A server that counts the requests to it."""

    def __init__(self) -> None:
        """Start without requests."""
        self.address = ""
        self.heard = 0

    async def hear(self, _request: web.Request) -> web.Response:
        """Count a request, and refuse it with status 503."""
        self.heard += 1
        return web.Response(status=503)


async def _refusal(house: House, listener: Listener) -> str:
    """Reload with the current addresses; return the problem unless the addresses are refused.

    Refused means: no request reaches the attacker, and the entry reports the addresses as a setup
    error.
    """
    before = listener.heard
    entry = await house.reload(house.lock)
    if listener.heard > before:
        return "the attacker is asked"
    if entry["state"] != "setup_error" or ENDPOINTS_VARIABLE not in str(entry["reason"]):
        return f"nobody is told: {entry['state']}, {entry['reason']}"
    return HELD


@asynccontextmanager
async def _other_addresses(
    house: House, host: str = ELSEWHERE, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Listener]:
    """Run an attacker's server beside a file of addresses; restore the file on exit.

    Raises NotTriedError if the entry does not load afterwards.
    """
    await house.once(_start_again)
    try:
        async with _listening(host, tls) as listener:
            yield listener
    finally:
        _write_addresses(house)
        entry = await house.reload(house.lock)
        expect(entry["state"] == "loaded", f"the house stays {entry['state']}: {entry['reason']}")


@ATTACKS.try_to(
    "lead requests elsewhere by a file of addresses that others may write", in_short=False
)
async def _write_to_addresses(house: House) -> str:
    async with _other_addresses(house) as listener:
        _lead(house, api=listener.address)
        await house.reload(house.lock)
        expect(listener.heard, "addresses of a file do not count")
        for mode in (0o620, 0o602, 0o666):
            _addresses(house).chmod(mode)
            if problem := await _refusal(house, listener):
                return f"{mode:o}: {problem}"
    return HELD


@ATTACKS.try_to("lead requests to another machine, in plain text", in_short=False)
async def _lead_to_plain_text(house: House) -> str:
    async with _other_addresses(house, ANOTHER_MACHINE) as listener:
        async with aiohttp.ClientSession() as http, http.get(listener.address):
            expect(listener.heard, "the other machine is not reached")
        for field in ADDRESSES:
            _write_addresses(house)
            _lead(house, **{field: listener.address})
            if problem := await _refusal(house, listener):
                return f"{field}: {problem}"
    return HELD


@ATTACKS.try_to("have an authority trusted that others may write", in_short=False)
async def _write_to_authority(house: House) -> str:
    with TemporaryDirectory() as temporary:
        own = Path(temporary) / "own.pem"
        tls = Authority(own).context(ELSEWHERE)
        async with _other_addresses(house, ELSEWHERE, tls) as listener:
            _lead(house, api=listener.address)
            await house.reload(house.lock)
            expect(not listener.heard, "an authority that nobody named is trusted")
            authority = _addresses(house).with_name("authority.pem")
            authority.write_bytes(authority.read_bytes() + own.read_bytes())
            await house.reload(house.lock)
            expect(listener.heard, "the authority of the file is not trusted")
            authority.chmod(0o606)
            return await _refusal(house, listener)


@ATTACKS.try_to("put something else in the place of the file of addresses", in_short=False)
async def _swap_addresses(house: House) -> str:
    async with _other_addresses(house) as listener:
        _lead(house, api=listener.address)
        file = _addresses(house)
        file.rename(file.with_name("theirs"))
        file.symlink_to("theirs")
        await house.reload(house.lock)
        expect(listener.heard, "a link is not followed")
        file.with_name("theirs").chmod(0o666)
        file.with_name("folder").mkdir()
        for place in ("theirs", "folder", "nothing", "/dev/zero"):
            file.unlink()
            file.symlink_to(place)
            if problem := await _refusal(house, listener):
                return f"{place}: {problem}"
    return HELD


# Pictures


@asynccontextmanager
async def _kept_picture(house: House) -> AsyncIterator[Path]:
    """Yield a picture that is stored because of the option; then turn the option off.

    Raises NotTriedError if no picture is stored, or if pictures remain.
    """
    await house.once(_start_again)
    entry_id = house.homes[house.lock].entry_id
    camera, before = house.lock.camera, house.lock.camera.upload_seconds
    camera.upload_seconds = 0
    await set_options(house.owner, entry_id, {CONF_KEEP_PICTURES: 2})
    try:
        house.lock.ring()
        await house.simulator.settle()
        expect(await _soon(lambda: list(_media(house).rglob("*.jpg"))), "no picture is kept")
        yield next(_media(house).rglob("*.jpg"))
    finally:
        camera.upload_seconds = before
        await set_options(house.owner, entry_id, {CONF_KEEP_PICTURES: 0})
        gone = await _soon(lambda: not list(_media(house).rglob("*.jpg")))
        expect(gone, "pictures stay though none are to be kept")


@ATTACKS.try_to("look at kept pictures as another user of the system", in_short=False)
async def _look_at_pictures(house: House) -> str:
    async with _kept_picture(house) as picture:
        expect(_open_to_others([_media(house)]), "nobody else gets to the media folder")
        return ", ".join(
            f"{path.name} is {path.stat().st_mode:o}"
            for path in _open_to_others([picture, picture.parent, picture.parent.parent])
        )


@ATTACKS.try_to("look at pictures whose days are over", in_short=False)
async def _look_at_old_pictures(house: House) -> str:
    async with _kept_picture(house) as picture:
        old = picture.with_name(LONG_AGO)
        shutil.copy(picture, old)
        await house.reload(house.lock)
        gone = await _soon(lambda: not old.exists())
        expect(picture.exists(), "those of today go as well")
    return HELD if gone else "they are still there"


# After a restart with corrupted files


async def _spoil(house: House) -> set[str]:
    """Restart with corrupted files; return the files in which a thief would have found secrets."""
    await house.once(_start_again)
    for lock in (house.lock, house.shut):
        await house.allow(lock, OTHER_CODE)
        lock.wake()
        expect(not await house.unlock(house.guest, lock, OTHER_CODE), "the new code is wrong")
    house.nearby.wake()
    entity_id = house.entity_id(house.lock, "lock.lock")
    await house.owner.action(f"{DOMAIN}.set_user", entity_id, user_id=VISITOR)
    await house.owner.action(
        f"{DOMAIN}.set_credential",
        entity_id,
        user_id=VISITOR,
        credential_type="password",
        credential_data=PASSWORD,
        operation_id=PASSWORD_ID,
        uses=1,
    )
    expect(PASSWORD_ID in house.lock.users.credentials, "the visitor has no password")
    for _ in range(5):
        await house.unlock(house.guest, house.lock, WRONG)
    told = await _answer(house, house.lock, OTHER_CODE)
    expect(BLOCKED in told, f"five wrong codes block nobody: {told}")
    await _recorded(house)
    await house.end()
    found = {*_holding(house, OTHER_CODE), *_holding(house, PASSWORD)}
    _spoil_files(house)
    await house.start({})
    return found


def _spoil_files(house: House) -> None:
    """Corrupt the files of each lock in a different way, and all counts of wrong codes but one."""
    torn, deep = _file(house, house.lock).read_text(encoding="utf-8"), "[" * 100_000
    expect('"unread"' in torn, "the file of a lock has changed")
    _file(house, house.lock).write_text(torn[: torn.index('"unread"')], encoding="utf-8")
    _file(house, house.lock, ".log").write_text(deep, encoding="utf-8")
    _file(house, house.shut).write_text(deep, encoding="utf-8")
    _file(house, house.shut, ".log").write_text('{"version": 1, "data": 7}', encoding="utf-8")
    _file(house, house.shut, ".guesses").write_bytes(b"\0garbage")
    shaped = json.loads(_file(house, house.nearby).read_bytes())
    shaped["data"] = dict.fromkeys(shaped["data"], "none")
    _file(house, house.nearby).write_text(json.dumps(shaped), encoding="utf-8")
    # Looks like a clock that was set back by ten years.
    counted = json.loads(_file(house, house.lock, ".guesses").read_bytes())
    counted |= {"key": f"{DOMAIN}.{house.nearby.did}.guesses"}
    counted["data"] = [0, time.time() + 10 * 365 * 86_400]
    _file(house, house.nearby, ".guesses").write_text(json.dumps(counted), encoding="utf-8")
    _add_entry_that_leads_elsewhere(house)


@ATTACKS.try_to("find codes and passwords in a stolen copy of all files", in_short=False)
async def _find_codes(house: House) -> str:
    expect(await house.once(_start_again), "without those lines no code is recorded")
    found = await house.once(_spoil)
    return ", ".join(sorted(found))


@ATTACKS.try_to("keep Home Assistant from starting by files that are spoilt", in_short=False)
async def _start_with_spoilt_files(house: House) -> str:
    await house.once(_spoil)
    entries = {house.homes[lock].entry_id for lock in house.locks}
    answer = await house.owner.command("config_entries/get", domain=DOMAIN)
    states = {entry["state"] for entry in answer if entry["entry_id"] in entries}
    if states != {"loaded"}:
        return f"an entry is {', '.join(sorted(states - {'loaded'}))}"
    told = {(issue["translation_key"], issue["issue_id"][-9:]) for issue in await house.issues()}
    for lock in house.locks:
        expect(("storage_unreadable", lock.did) in told, f"the file of {lock.name} is not spoilt")
    return HELD


async def _answer(house: House, lock: Lock, code: str) -> str:
    """Unlock as the guest; return "it opened" or the error message."""
    lock.wake()
    before = house.asked(lock), house.opened(lock)
    told = await house.unlock(house.guest, lock, code)
    if (house.asked(lock), house.opened(lock)) != before:
        return "it opened"
    return told or "nothing is said"


@ATTACKS.try_to("guess on after the other files of a lock are spoilt", in_short=False)
async def _guess_on(house: House) -> str:
    await house.once(_spoil)
    try:
        told = await _answer(house, house.lock, OTHER_CODE)
    finally:
        await house.allow(house.lock)
    return HELD if BLOCKED in told else told


@ATTACKS.try_to("have wrong codes forgotten by spoiling what counts them", in_short=False)
async def _spoil_guesses(house: House) -> str:
    await house.once(_spoil)
    try:
        told = await _answer(house, house.shut, OTHER_CODE)
    finally:
        await house.forbid(house.shut)
    return HELD if BLOCKED in told else told


@ATTACKS.try_to("block the owner for long by a clock that is set back", in_short=False)
async def _set_the_clock_back(house: House) -> str:
    await house.once(_spoil)
    try:
        told = await _answer(house, house.nearby, CODE)
    finally:
        await house.allow(house.nearby)
    expect(BLOCKED in told, f"nobody is blocked: {told}")
    return HELD if "in 5 minutes" in told else told


@ATTACKS.try_to("keep a password that was to end, by spoiling what knows of it", in_short=False)
async def _keep_a_password(house: House) -> str:
    await house.once(_spoil)
    credentials = house.lock.users.credentials
    expect(PASSWORD_ID in credentials, "the password has gone before it was used")
    try:
        house.lock.password(PASSWORD_ID)
        gone = await _soon(lambda: PASSWORD_ID not in house.lock.users.credentials)
    finally:
        house.lock.wake()
        entity_id = house.entity_id(house.lock, "lock.lock")
        await house.owner.action(
            f"{DOMAIN}.delete_user", entity_id, user_id=VISITOR, user_type="normal_user"
        )
    return HELD if gone else "it opens again and again"


def _add_entry_that_leads_elsewhere(house: House) -> None:
    """Add a lock to the config entries whose did is a path to other files."""
    file = _storage(house) / "core.config_entries"
    kept = json.loads(file.read_bytes())
    [nearby] = (entry for entry in kept["data"]["entries"] if CONF_DID in entry["data"])
    added = deepcopy(nearby)
    added["entry_id"] = added["unique_id"] = "leadselsewhere"
    added["data"][CONF_DID] = "/../../bait"
    kept["data"]["entries"].append(added)
    file.write_text(json.dumps(kept), encoding="utf-8")
    (_storage(house) / f"{DOMAIN}.").mkdir()
    for bait in _baits(house):
        bait.write_text(BAIT, encoding="utf-8")


def _baits(house: House) -> list[Path]:
    return [house.configuration / f"bait{kind}" for kind in ("", ".journal", ".log", ".guesses")]


@ATTACKS.try_to("reach other files by the id of a lock in changed settings", in_short=False)
async def _lead_elsewhere(house: House) -> str:
    await house.once(_spoil)
    for bait in _baits(house):
        way = _storage(house) / f"{DOMAIN}./../../{bait.name}"
        expect(way.samefile(bait), "the id leads nowhere")
    await house.owner.command("config_entries/get_single", entry_id="leadselsewhere")
    await house.owner.delete("/api/config/config_entries/entry/leadselsewhere")
    touched = [
        bait.name
        for bait in _baits(house)
        if not bait.exists() or bait.read_text(encoding="utf-8") != BAIT
    ]
    return ", ".join(touched)


# Beside a restored backup


@ATTACKS.try_to("listen in by a restored copy of the system, unnoticed", in_short=False)
async def _restore_beside(house: House) -> str:
    def taken_over(issues: list[dict[str, Any]]) -> bool:
        return "push_taken_over" in {issue["translation_key"] for issue in issues}

    expect(not taken_over(await house.issues()), "a copy is running already")
    gate, came = house.simulator.gate, []
    authenticate = gate.authenticate

    def note(client_id: str, user: str, password: str) -> bool:
        came.append(client_id)
        return authenticate(client_id, user, password)

    copy = house.configuration.with_name("restored")
    database = shutil.ignore_patterns("home-assistant*", "output.log")
    shutil.copytree(house.configuration, copy, symlinks=True, ignore=database)
    for file in (copy / "configuration.yaml", copy / ".storage" / "http"):
        if file.exists():
            moved = file.read_text(encoding="utf-8").replace(str(PORT), str(PORT + 1))
            file.write_text(moved, encoding="utf-8")
    gate.authenticate = note
    noticed = False
    try:
        async with running(copy, PORT + 1, house.environment):
            for _ in range(60):
                if noticed := taken_over(await house.issues()):
                    break
                await asyncio.sleep(1)
    finally:
        gate.authenticate = authenticate
        shutil.rmtree(copy)
        await house.reload(house.lock)
    expect(len(came) > 3, "the copy does not listen")
    return HELD if noticed else "nobody is told"
