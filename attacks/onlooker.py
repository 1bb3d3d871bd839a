"""A guest with an account in Home Assistant who looks for private information."""

from __future__ import annotations

import asyncio
import json
import re
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from custom_components.xiaomi_smart_lock.const import CONF_UNLOCKING, DOMAIN
from custom_components.xiaomi_smart_lock.media.views import (
    CLIP,
    PICTURE,
    PLAYLIST,
    UNPLAYABLE,
    path,
)
from custom_components.xiaomi_smart_lock.reporting.logbook_event import EVENT
from demo.client import signed_in
from demo.home_assistant import address
from simulator.door import Action, Position

from .attack import HELD, Attacks, expect, refusal, until
from .house import CODE, GUEST, PASSWORD, PORT
from .outside import NO_ACCESS, get, listening
from .sight import HIDDEN, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.client import Client
    from simulator.lock import Lock

    from .house import House

ATTACKS: Final = Attacks("A guest with an account in Home Assistant")

SOURCE: Final = f"media-source://{DOMAIN}"
DURESS_FINGERPRINT: Final = 9
"""An operation method (siid 2, piid 2)."""
# All files of a sight, by the names in their addresses
NAMES: Final = (PICTURE, PLAYLIST, "video.m3u8", CLIP, "0.mp4", "0.m4s")
# Digits of fractions of seconds do not count: they can be the code by chance.
_CODE: Final = re.compile(rf"(?<![\d.]){CODE}(?!\d)")
_TEMPLATE: Final = "{{ states | map(attribute='attributes') | list }}"


# Secrets


@ATTACKS.try_to("read a token, a key or the code anywhere, in the log too")
async def _read_secrets(house: House) -> str:
    kept = house.configuration / ".storage/core.config_entries"
    # Home Assistant writes config entries with a delay.
    await until(lambda: kept.read_text().count(f'"{CONF_UNLOCKING}"') == 2, "no code is kept")
    secrets = set(_secrets(house))
    expect(len(secrets) > 8, f"there are but {len(secrets)} secrets")
    places: dict[str, str] = {"the log": house.log}
    for client in (house.guest, house.owner):
        answers = await seen(house, client)
        expect(f"get_states {house.entity_id(house.lock, 'lock.lock')}" in answers, "no lock")
        places |= {f"{name} of {client is house.owner}": text for name, text in answers.items()}
    template = {"type": "render_template", "template": _TEMPLATE}
    async with listening(house.guest, template) as heard:
        await until(lambda: len(heard) > 3, "no template is rendered")
        places["a template"] = str(heard)
    got = [name for name, text in places.items() if _CODE.search(text)]
    got += [name for name, text in places.items() if any(secret in text for secret in secrets)]
    return f"it is in {', '.join(got)}" if got else HELD


def _secrets(house: House) -> Iterator[str]:
    """Yield the secrets in the config entries, and the tokens of the locks."""
    kept = (house.configuration / ".storage/core.config_entries").read_text(encoding="utf-8")
    for entry in json.loads(kept)["data"]["entries"]:
        if entry["domain"] == DOMAIN:
            data, options = entry["data"], entry["options"]
            app = data.get("app", {})
            yield from (
                app[key] for key in app if key in ("pass_token", "service_token", "ssecurity")
            )
            yield from (str(token) for token in data.get("tokens", {}).values())
            yield from options[CONF_UNLOCKING].values()
    yield from (lock.token for lock in house.locks)


@ATTACKS.try_to("overhear the code when the owner unlocks")
async def _overhear_the_code(house: House) -> str:
    asked: tuple[dict[str, object], ...] = (
        {"type": "subscribe_events"},
        {"type": "subscribe_events", "event_type": "call_service"},
        {"type": "subscribe_events", "event_type": EVENT},
        {"type": "subscribe_events", "event_type": "state_changed"},
        {"type": "subscribe_trigger", "trigger": {"platform": "event", "event_type": EVENT}},
        {"type": "logbook/event_stream", "start_time": "2020-01-01T00:00:00+00:00"},
        {"type": "persistent_notification/subscribe"},
        {"type": "render_template", "template": _TEMPLATE},
    )
    house.lock.wake()
    before = house.opened(house.lock)
    everything = {"type": "subscribe_events"}
    async with listening(house.guest, *asked) as heard, listening(house.owner, everything) as all_:
        await house.unlock(house.owner, house.lock)
        expect(house.opened(house.lock) == before + 1, "the owner cannot unlock")
        await until(lambda: any(map(_CODE.search, all_)), "not even the owner hears the code")
        await until(lambda: any('"unlocked"' in one for one in heard), "a guest hears nothing")
        house.lock.close_door()
        streamed = await get("/api/stream", house.guest)
    told = [*heard, streamed[1].decode(errors="replace")]
    told += (await seen(house, house.guest)).values()
    return "it is told to a guest" if any(map(_CODE.search, told)) else HELD


@ATTACKS.try_to("read the diagnostics of an entry and of a lock")
async def _read_diagnostics(house: House) -> str:
    home = house.homes[house.lock]
    of_entry = f"/api/diagnostics/config_entry/{home.entry_id}"
    expect(b"unread" in await house.owner.file(of_entry), "the owner cannot read them")
    paths = (of_entry, f"{of_entry}/device/{home.device_id}")
    read = [one for one in paths for who in (house.guest, None) if (await get(one, who))[0] == 200]
    return f"a guest can read {read}" if read else HELD


@ATTACKS.try_to("ask the history for duress")
async def _ask_for_duress(house: House) -> str:
    lock, before = house.lock, house.state(house.lock, HIDDEN)
    lock.operate(
        Action.UNLOCKED, method=DURESS_FINGERPRINT, position=Position.OUTSIDE, operation_id=30
    )
    lock.close_door()
    await until(lambda: house.state(lock, HIDDEN) != before, "no duress is noticed")
    entity_id = house.entity_id(lock, "lock.lock")
    ask, kinds = f"{DOMAIN}.get_history", ("duress", ["duress"], ["lock_event", "duress"])
    for kind in kinds:
        told = str(await house.owner.ask(ask, entity_id, kind=kind))
        expect("duress" in told, "not even the owner is told")
    got = [kind for kind in kinds if not await refusal(house.guest.ask(ask, entity_id, kind=kind))]
    return f"a guest is told, who asks for {got}" if got else HELD


@ATTACKS.try_to("break the logbook by events that look like ours", in_short=False)
async def _break_the_logbook(house: House) -> str:
    device, entity = house.homes[house.lock].device_id, house.entity_id(house.lock, "lock.lock")
    odd = (None, "", 5, [1], {"a": 1}, "no such", "{0}", "{lock.__class__}", "\x00", "x" * 9999)
    written = len(house.log)
    for key, value in product(("type", "device_id", "entity_id", "person"), odd):
        like_ours = {"type": "operated_by_person", "device_id": device, "entity_id": entity}
        await house.owner.post(f"/api/events/{EVENT}", like_ours | {key: value})
    await house.owner.post(f"/api/events/{EVENT}", {})
    last = {"type": "operated_by_person", "person": "the last of them", "device_id": device}
    await house.owner.post(f"/api/events/{EVENT}", last)
    stream = {"type": "logbook/event_stream", "start_time": "2020-01-01T00:00:00+00:00"}
    async with listening(house.guest, stream) as heard:
        await until(lambda: any("the last of them" in one for one in heard), "nothing is told")
    said = await refusal(house.guest.command("logbook/get_events", start_time=stream["start_time"]))
    _, *tracebacks = house.log[written:].split("Traceback")
    if said or any("logbook" in one for one in tracebacks):
        return said or "the log has a traceback of the logbook"
    return HELD


# Pictures and recordings


async def _see(lock: Lock) -> int:
    """Let a lock's camera see a visitor, with the picture ready at once; return the time in ms."""
    await asyncio.sleep(0.01)  # Sights are identified by their time in milliseconds.
    lock.camera.upload_seconds = 0
    return lock.camera.see("Bell").created


async def _resolve(client: Client, lock: Lock, moment: int) -> Any:
    """Return where a user can play a recording."""
    identifier = f"{SOURCE}/{lock.did}/{moment}"
    return await client.command("media_source/resolve_media", media_content_id=identifier)


@ATTACKS.try_to("see pictures and recordings without being signed in")
async def _see_without_a_session(house: House) -> str:
    did, moment = house.lock.did, await _see(house.lock)
    nobodys = "eyJhbGciOiJub25lIn0.eyJpc3MiOiIifQ."
    got = []
    for name in NAMES:
        where = path(did, moment, name)
        status, _ = await get(where, house.guest)
        expect(status == 200, f"{name} is not there for a guest either: {status}")
        for query in ("", "?authSig=", f"?authSig={nobodys}", "?token=x", "?access_token=x"):
            status, _ = await get(where + query)
            got += [where + query] * (status not in NO_ACCESS)
    image = house.entity_id(house.lock, "image.last_visitor")
    got += [image] * ((await get(f"/api/image_proxy/{image}"))[0] not in NO_ACCESS)
    return f"anybody gets {got}" if got else HELD


@ATTACKS.try_to("see another recording with the signed address of one")
async def _see_by_another_signature(house: House) -> str:
    did, moment, other = house.lock.did, await _see(house.lock), await _see(house.lock)
    signed = (await _resolve(house.guest, house.lock, moment))["url"]
    expect((await get(signed))[0] == 200, "the signed address itself leads nowhere")
    signature = signed.partition("?")[2]
    paths = [path(did, other, name) for name in NAMES]
    paths += [path(did, moment, name) for name in NAMES if name != PLAYLIST]
    paths += ["/api/states", f"/api/{DOMAIN}/{did}/{moment}/{PLAYLIST}/../{PICTURE}"]
    got = [one for one in paths if (await get(f"{one}?{signature}"))[0] == 200]
    return f"it opens {got}" if got else HELD


@ATTACKS.try_to("see on with a link, and its parts, after the session has ended")
async def _see_after_the_session(house: House) -> str:
    moment = await _see(house.lock)
    async with signed_in(address(PORT), GUEST, PASSWORD) as guest:
        signed = (await _resolve(guest, house.lock, moment))["url"]
        links = [signed, *_links((await get(signed))[1])]
        links += _links((await get(links[1]))[1])
        for link in links:
            expect((await get(link))[0] == 200, f"{link} is not there before either")
        expect(len(links) > 3, f"it has no parts: {links}")
        tokens = await guest.command("auth/refresh_tokens")
        [mine] = [token["id"] for token in tokens if token["is_current"]]
        # Home Assistant may close the connection before it answers.
        await refusal(guest.command("auth/delete_refresh_token", refresh_token_id=mine))
        got = [link for link in links if (await get(link))[0] == 200]
    return f"still there: {got}" if got else HELD


def _links(playlist: bytes) -> list[str]:
    """Return the signed addresses in a playlist."""
    return [one.decode() for one in re.findall(rb"/api/[^\"\s]+authSig=[^\"\s]+", playlist)]


@ATTACKS.try_to("see what a lock saw that is in no entry, or as if another had seen it")
async def _see_what_others_saw(house: House) -> str:
    moment = await _see(house.lock)
    stranger = house.simulator.add_lock(house.account, "Neighbor")
    try:
        theirs = await _see(stranger)
        own = path(house.lock.did, moment, PICTURE)
        expect((await get(own, house.guest))[0] == 200, "nobody sees a picture")
        asked = [(stranger.did, theirs), (house.shut.did, moment), (house.nearby.did, moment)]
        asked += [(house.lock.did, theirs)] * (theirs != moment)
        got = []
        for (did, when), name in product(asked, NAMES):
            got += [did] * ((await get(path(did, when, name), house.guest))[0] == 200)
        for did, when in asked:
            identifier = f"{SOURCE}/{did}/{when}"
            said = await refusal(
                house.guest.command("media_source/resolve_media", media_content_id=identifier)
            )
            got += [identifier] * (not said)
    finally:
        house.simulator.remove_lock(stranger)
    return f"a guest sees {got}" if got else HELD


@ATTACKS.try_to("reach other files by odd addresses")
async def _reach_other_files(house: House) -> str:
    did, moment = house.lock.did, await _see(house.lock)
    there, static = path(did, moment, PICTURE), UNPLAYABLE.rpartition("/")[0]
    for where in (there, UNPLAYABLE):
        expect((await get(where, house.guest))[0] == 200, f"{where} is not there")
    ups = ("..", "%2e%2e", "%2E%2E", ".%2e", "..%2f", "..%5c", "%252e%252e", "..;", "....//")
    files = ("manifest.json", "secrets.yaml", "configuration.yaml", ".storage/auth")
    odd = [f"{static}/{up}/{file}" for up, file in product(ups, files)]
    odd += [f"{static}/{'/'.join([up] * 6)}/etc/passwd" for up in ups]
    odd += [f"{static}//etc/passwd", f"{static}/%2fetc%2fpasswd", f"{static}/", static]
    dids = (
        *ups,
        ".",
        "%00",
        f"{did}%00",
        f"{did}%2f..",
        f"{did}%0d%0aX:%20y",
        "*",
        "%ff",
        "a" * 9999,
    )
    odd += [f"/api/{DOMAIN}/{one}/{moment}/{PICTURE}" for one in dids]
    moments = ("..", "-1", "1e3", "9" * 15, "9" * 99, f"{moment}.0", "%D9%A1", f"+{moment}", "0x1")
    odd += [f"/api/{DOMAIN}/{did}/{one}/{name}" for one, name in product(moments, NAMES)]
    names = ("", "picture.png", "../0.mp4", "-1.mp4", "99999.m4s", "0.exe", f"{PICTURE}%00", "%2e")
    odd += [f"/api/{DOMAIN}/{did}/{moment}/{one}" for one in names]
    answers = {where: (await get(where, house.guest))[0] for where in odd}
    got = {where: status for where, status in answers.items() if not 300 <= status < 500}
    return f"answered: {got}" if got else HELD


@ATTACKS.try_to("have the media browser list or play what is made up")
async def _make_up_media(house: House) -> str:
    did, moment = house.lock.did, await _see(house.lock)
    expect((await _resolve(house.guest, house.lock, moment))["url"], "nothing is played")
    made_up = ["../../secrets", "..", ".", "\0", "x" * 100_000, house.nearby.did, "*", "%2e%2e/1"]
    made_up += [f"{house.nearby.did}/{moment}", f"{house.shut.did}/{moment}/clip"]
    made_up += [
        f"{did}/{rest}"
        for rest in (
            *("..", "../1", "-1", "1e3", "9" * 20, "0", f"{moment}/../../x", f"/{moment}"),
            *(f"{moment}/clip/x", f"{moment}/Clip", "2026-02-30", "0001-01-01", "9999-12-31"),
            *("before/x", "before/", f"2026-11-29/before/{'9' * 16}", "2026-11-29/clips/before/x"),
            *("\ud7ff\u202e", f" {moment}", f"{moment}\nx", "2026-11-29T00:00:00", "None"),
        )
    ]
    written, got = len(house.log), []
    for identifier in made_up:
        media = {"media_content_id": f"{SOURCE}/{identifier}"}
        for ask in ("resolve", "browse"):
            said = await refusal(house.guest.command(f"media_source/{ask}_media", **media))
            got += [f"{ask} {identifier[:40]!r}: {said}"] * (not said or "Unknown error" in said)
    if "Traceback" in house.log[written:]:
        got.append("a traceback in the log")
    return f"{got}" if got else HELD
