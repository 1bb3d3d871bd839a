"""A bad day at Xiaomi: failures of its services, and what Home Assistant must show then.

The day is played once, in one Home Assistant with three locks of an account: its own, another with
the same name and the same MAC, and one that a friend shares. After each failure everything must
recover: no event of a lock is lost, and each problem is reported to the user.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import trustme
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.const import (
    APP_REQUESTS,
    CONF_APP_REQUESTS,
    CONF_POLL_INTERVAL,
    CONF_POLL_INTERVAL_WITHOUT_PUSH,
    CONF_UNAVAILABLE_AFTER,
    DOMAIN,
)
from simulator import faults
from simulator.app_account import SERVICE_LOGIN
from simulator.cloud import GET_TOKEN
from simulator.codes import Code
from simulator.dialect import DIALECTS, PLAIN
from simulator.door import DOOR_STATE, Door
from simulator.instances import DEVICE

from . import recording
from .check import BETWEEN_STEPS, Row, complaints, listed, table
from .home_assistant import HomeAssistantError
from .setup import at_home, link_again, set_options
from .sights import contents, picture, shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from simulator.account import Account
    from simulator.device import Past
    from simulator.lock import Lock
    from simulator.simulator import Simulator

    from .client import Client
    from .setup import Home

SEEN_WITHIN: Final = 100
"""Seconds. A lock becomes unavailable one minute and one poll after its last contact."""
_PAUSE: Final = 0.5

OWN: Final = "own"
TWIN: Final = "twin"
FRIENDS: Final = "friend's"

READ: Final = "/miotspec/prop/get"
# Two services report a ring, each with its own second: rings in consecutive seconds are one.
BETWEEN_RINGS: Final = 2
RINGS: Final = (31, 34)
DEVICES: Final = "/home/device_list_page"
HOMES: Final = "/homeroom/gethome"
NOBODY_KNOWS: Final = 17
"""A door state that the specification does not list."""
HALF_A_DAY_MS: Final = 12 * 3600 * 1000
SOON: Final = {
    CONF_POLL_INTERVAL: 10,
    CONF_POLL_INTERVAL_WITHOUT_PUSH: 10,
    CONF_UNAVAILABLE_AFTER: 1,
    CONF_APP_REQUESTS: 10 * APP_REQUESTS,
}

PLAYLIST: Final = "application/x-mpegURL"
NONE: Final = "none"
SAME: Final = "the same bytes"

LOCK_EVENT: Final = (2, 1020)
# The kinds of history entries, by the lock's events
KINDS: Final = {
    LOCK_EVENT: "lock_event",
    (2, 1007): "exception",
    (7, 1006): "doorbell",
    (21, 1): "doorbell",
    (17, 2): "someone_at_the_door",
}

EXPECTED_WARNINGS: Final = (
    # A lock that was refused during setup, and one without contact for too long
    r".*Front door is no longer in the account.*",
    r".*has not been heard from for too long.*",
    # The unknown door state
    r".*Front door sent a value of 3\.1021 .* 17 is not in the value list",
)


@dataclass(frozen=True)
class BadDay:
    """The state of the bad day: simulator, account, locks and their entities."""

    simulator: Simulator
    account: Account
    home: Home
    lock: Lock
    others: Sequence[Lock]
    homes: dict[str, Home] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        """The user's session."""
        return self.home.client

    @property
    def locks(self) -> dict[str, Lock]:
        """The locks by their roles."""
        return dict(zip((OWN, TWIN, FRIENDS), (self.lock, *self.others), strict=True))

    async def begin(self) -> None:
        """Shorten the poll intervals, and load the entities and the English texts."""
        entry_id = self.home.entry_id
        await set_options(self.client, entry_id, SOON)
        for name, lock in self.locks.items():
            self.homes[name] = await at_home(self.client, entry_id, lock, all_enabled=True)
        for category in ("config", "issues"):
            answer = await self.client.command(
                "frontend/get_translations", language="en", category=category, integration=[DOMAIN]
            )
            self.texts.update(answer["resources"])

    def state(self, key: str) -> str:
        """Return the state of an entity by lock and key, such as ``own lock.lock``."""
        return self._of(key).state(key.rpartition(" ")[2]).state

    def attribute(self, key: str, name: str) -> str:
        """Return an attribute of an entity, by lock and key."""
        return str(self._of(key).state(key.rpartition(" ")[2]).attributes.get(name))

    def _of(self, key: str) -> Home:
        return self.homes[key.rpartition(" ")[0]]

    async def reload(self) -> None:
        """Reload the config entry, as after a restart."""
        await self.client.post(f"/api/config/config_entries/entry/{self.home.entry_id}/reload", {})

    def text(self, key: str, placeholders: Mapping[str, str] | None = None) -> str:
        """Return a text of the integration as the user sees it."""
        return self.texts[f"component.{DOMAIN}.{key}"].format(**(placeholders or {}))


type Look = Callable[[BadDay], Awaitable[str]]
"""A check that returns what it finds."""


def add_locks(simulator: Simulator, account: Account, own: Lock) -> tuple[Lock, Lock]:
    """Add the other locks of the account."""
    twin = simulator.add_lock(account, own.name, room="Cellar")
    twin.mac = own.mac
    return twin, simulator.add_lock(account, "Friend's door", shared=True)


# Failures, recoveries and events


async def _token_service_fails(day: BadDay) -> None:
    cloud = day.simulator.cloud
    cloud.expire_access_tokens()
    for fault in (faults.BUSY, faults.PLAIN_TEXT, faults.status(500)):
        cloud.disturb_next(fault, GET_TOKEN)
    day.lock.set_battery(66, push=False)
    for home in day.homes.values():
        await day.client.action("homeassistant.update_entity", home.entity_ids["lock.lock"])
    day.lock.fingerprint(3)


async def _session_ends(day: BadDay) -> None:
    day.simulator.cloud.app.expired_status = 426
    day.simulator.cloud.app_accounts.expire_service_tokens()
    day.lock.ring()


async def _page_instead_of_session(day: BadDay) -> None:
    cloud = day.simulator.cloud
    cloud.app_accounts.expire_service_tokens()
    cloud.disturb_next(faults.page, SERVICE_LOGIN)

    def renewals() -> int:
        return sum(path == SERVICE_LOGIN for path, _ in cloud.requests)

    before = renewals()
    day.lock.ring()
    # The picture is looked for some seconds after the ring; what follows needs the answer.
    for _ in range(SEEN_WITHIN):
        if renewals() > before:
            break
        await asyncio.sleep(1)


async def _session_wants_confirmation(day: BadDay) -> None:
    accounts = day.simulator.cloud.app_accounts
    accounts.unconfirmed.add(day.account)
    accounts.expire_service_tokens()
    day.lock.ring()


async def _confirm(day: BadDay) -> None:
    [flow] = await _flows(day)
    step = await day.client.get(f"/api/config/config_entries/flow/{flow['flow_id']}")
    trust = ssl.create_default_context(cafile=day.simulator.ca_file)
    async with (
        aiohttp.ClientSession() as browser,
        browser.get(step["description_placeholders"]["url"], ssl=trust) as page,
    ):
        page.raise_for_status()
    phone = day.simulator.cloud.app_accounts
    await link_again(day.client, day.home.entry_id, lambda code: phone.confirm(code, day.account))


async def _camera_is_refused(day: BadDay) -> None:
    day.locks[FRIENDS].camera.shared_status = 403
    day.locks[FRIENDS].ring()
    day.lock.ring()


async def _stranger_at_the_push_server(day: BadDay) -> None:
    stranger = trustme.CA().issue_cert("127.0.0.1")
    stranger.configure_cert(day.simulator._gate_tls)  # noqa: SLF001
    day.simulator.gate.cut()


async def _much_happens_unheard(day: BadDay) -> None:
    day.simulator.cloud.app.longest_page = 2
    day.simulator.cloud.app.nothing_is_null = True
    for lock in day.locks.values():
        lock.camera.longest_page = 1
        lock.camera.searched_ms = HALF_A_DAY_MS
    for number in range(31, 36):
        for lock in day.locks.values():
            lock.fingerprint(number)
            if number in RINGS:
                lock.ring()
        await asyncio.sleep(BETWEEN_STEPS)


async def _right_push_server(day: BadDay) -> None:
    day.simulator.name_broker()


async def _newer_firmware_and_a_refused_lock(day: BadDay) -> None:
    day.lock.urn = f"{DEVICE}:3"
    refused = day.locks[TWIN].did

    def refuse(answer: Any) -> Any:
        items = [
            {**item, "code": Code.NOT_AUTHORISED} if item["did"] == refused else item
            for item in answer["result"]
        ]
        return answer | {"result": items}

    day.simulator.cloud.disturb_next(faults.changed(refuse), READ, times=1000)
    await day.reload()


async def _lock_is_no_longer_refused(day: BadDay) -> None:
    day.simulator.cloud.calm()


def _with_result(result: object, answer: Any) -> Any:
    return answer | {"result": result}


async def _nothing_in_lists(day: BadDay) -> None:
    cloud = day.simulator.cloud
    for nothing in (None, {}, {"list": None}):
        for path in (DEVICES, HOMES):
            cloud.disturb_next(faults.changed(partial(_with_result, nothing)), path)
        await day.reload()
    cloud.calm()
    day.locks[TWIN].ring()


async def _cloud_goes_down_in_dialects(day: BadDay) -> None:
    day.simulator.cloud.online = False
    lock = day.locks[FRIENDS]
    for number, dialect in enumerate(DIALECTS.values(), 41):
        lock.dialect = dialect
        lock.fingerprint(number)
        await asyncio.sleep(BETWEEN_STEPS)
    lock.dialect = PLAIN


async def _door_state_nobody_knows(day: BadDay) -> None:
    day.locks[TWIN].set(DOOR_STATE, NOBODY_KNOWS)


async def _door_state_known_again(day: BadDay) -> None:
    day.locks[TWIN].set(DOOR_STATE, Door.LOCKED)


async def _nothing(day: BadDay) -> None:
    """Do nothing, and let time pass."""


async def _ring(day: BadDay) -> None:
    day.lock.ring()


async def _cloud_is_back(day: BadDay) -> None:
    day.simulator.cloud.online = True
    day.lock.set_battery(55, push=False)


# Checks


async def _flows(day: BadDay) -> list[dict[str, Any]]:
    """Return the flows that ask the user to sign in again."""
    flows = await day.client.command("config_entries/flow/progress")
    return [flow for flow in flows if flow["context"]["source"] == "reauth"]


async def asked(day: BadDay) -> str:
    """Return the titles of the flows that ask the user to sign in again."""
    return listed([day.text(f"config.step.{flow['step_id']}.title") for flow in await _flows(day)])


async def repairs(day: BadDay) -> str:
    """Return the titles of the open repair issues, but for questions: who it was is nothing bad."""
    answer = await day.client.command("repairs/list_issues")
    return listed(
        day.text(
            f"issues.{issue['translation_key']}.title", issue["translation_placeholders"] or {}
        )
        for issue in answer["issues"]
        if issue["domain"] == DOMAIN
        and not issue["ignored"]
        and issue["translation_key"] != "who_was_it"
    )


async def what_is_new(day: BadDay) -> str:
    """Return whether the repair issue for newer firmware lists its items."""
    answer = await day.client.command("repairs/list_issues")
    for issue in answer["issues"]:
        if issue["translation_key"] == "specification_newer":
            lines = issue["translation_placeholders"]["items"].splitlines()
            return "listed" if lines and all(line.startswith("- ") for line in lines) else "empty"
    return NONE


async def devices(day: BadDay) -> str:
    """Return the number of locks' devices, and the number of MACs registered for them."""
    found = [
        device
        for device in await day.client.command("config/device_registry/list")
        if day.home.entry_id in device["config_entries"] and device["model_id"] != "person"
    ]
    macs = [connection for device in found for connection in device["connections"]]
    return f"{len(found)}, {len(macs)} by MAC"


def _picture_of(name: str) -> Look:
    """Return a check that compares the last visitor's picture with the camera's."""

    async def compare(day: BadDay) -> str:
        got = await shown(day.homes[name], "image.last_visitor")
        taken = picture(day.locks[name], "Bell")
        return SAME if taken and got == taken else f"{len(got)} other bytes"

    return compare


def _is_available(key: str) -> Look:
    """Return a check whether an entity is available."""

    async def look(day: BadDay) -> str:
        return "unavailable" if day.state(key) == "unavailable" else "available"

    return look


async def missing(day: BadDay) -> str:
    """Return the events that are not in the history exactly once."""
    wrong: list[str] = []
    for name, lock in day.locks.items():
        told = Counter(happened(lock))
        found = Counter(await _history(day, name))
        wrong += [f"{name}: {it} {found[it]} times" for it in told if found[it] != 1]
        wrong += [f"{name}: {it} never happened" for it in found - told if it not in told]
    return listed(wrong)


def happened(lock: Lock) -> set[tuple[str, int, int]]:
    """Return the events of a lock: kind, time and operation number, 0 if it is no operation."""
    return {
        (KINDS[past.source], int(past.values[-1]), _operation_id(past))
        for past in lock.history
        if past.source in KINDS
    }


def _operation_id(past: Past) -> int:
    return int(past.values[3]) if past.source == LOCK_EVENT else 0


async def _history(day: BadDay, name: str) -> list[tuple[str, int, int]]:
    home = day.homes[name]
    answer = await day.client.ask(
        f"{DOMAIN}.get_history",
        home.entity_ids["lock.lock"],
        kind=sorted(set(KINDS.values())),
        limit=10_000,
    )
    return [
        (
            one["kind"],
            int(datetime.fromisoformat(one["when"]).timestamp()),
            one.get("operation_id") or 0,
        )
        for one in answer["history"]
    ]


async def diary(day: BadDay) -> str:
    """Compare the number of rings in the own lock's diary with the number that happened."""
    now = dt_util.utcnow()
    answer = await day.client.ask(
        "calendar.get_events",
        day.homes[OWN].entity_ids["calendar.diary"],
        start_date_time=(now - timedelta(hours=2)).isoformat(),
        end_date_time=(now + timedelta(minutes=1)).isoformat(),
    )
    rings = [event for event in answer["events"] if "rang" in event["summary"].lower()]
    expected = [it for it in happened(day.lock) if it[0] == "doorbell"]
    return "all" if len(rings) == len(expected) else f"{len(rings)} of {len(expected)} rings"


async def _items(day: BadDay) -> list[dict[str, Any]]:
    """Return the media browser's items for the own lock's newest day, from all pages."""
    folder = f"media-source://{DOMAIN}/{day.lock.did}"
    browsed = await _browse(day, folder)
    return await _children(day, browsed["children"][0]["media_content_id"])


async def _children(day: BadDay, folder: str) -> list[dict[str, Any]]:
    found = (await _browse(day, folder))["children"]
    earlier = f"{folder.partition('/before/')[0]}/before/"
    further = [child for child in found if child["media_content_id"].startswith(earlier)]
    found = [child for child in found if not child["can_expand"]]
    for child in further:
        found += await _children(day, child["media_content_id"])
    return found


async def _browse(day: BadDay, folder: str) -> dict[str, Any]:
    answer: dict[str, Any] = await day.client.command(
        "media_source/browse_media", media_content_id=folder
    )
    return answer


async def browsed(day: BadDay) -> str:
    """Return how many sights of the own lock's camera the media browser does not list."""
    listed_items = {item["media_content_id"] for item in await _items(day)}
    return f"{len(day.lock.camera.sights) - len(listed_items)} missing"


async def played(day: BadDay) -> str:
    """Play the own lock's newest recording, and compare it with the camera's."""
    newest = max(await _items(day), key=lambda item: item["media_content_id"])
    found = await day.client.command(
        "media_source/resolve_media", media_content_id=newest["media_content_id"]
    )
    if found["mime_type"] != PLAYLIST:
        return str(found["mime_type"])
    got = contents(await recording.parts(day.client.file, found["url"]))
    camera = day.lock.camera
    expected = contents(camera.recording(camera.sights[-1], camera.codecs[0], day.lock.time_zone))
    return SAME if got == expected else f"{len(got)} bytes, not the {len(expected)} expected"


async def unavailable(day: BadDay) -> str:
    """Return the unavailable entities."""
    return listed(
        f"{name} {key}"
        for name, home in day.homes.items()
        for key in home.entity_ids
        if home.state(key).state == "unavailable"
    )


async def troubles(day: BadDay) -> str:
    """Return the complaints in the log, except the expected warnings."""
    expected = re.compile("|".join(EXPECTED_WARNINGS), re.DOTALL)
    return listed(one for one in await complaints(day.home) if not expected.fullmatch(one))


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure, a recovery or an event, and what Home Assistant must show afterwards.

    ``answers`` are the rows of Xiaomi's possible answers that it plays. ``states`` are expected
    states by lock and key; ``fired`` are event entities that must fire again; ``wrong`` are the
    titles of all open repair issues; ``asked`` are the titles of what the user is asked to do.
    ``looks`` are the other checks, each with its expected result.
    """

    name: str
    act: Callable[[BadDay], Awaitable[None]]
    answers: Sequence[str] = ()
    states: Mapping[str, str] = field(default_factory=dict)
    fired: Sequence[str] = ()
    wrong: Sequence[str] = ()
    asked: Sequence[str] = ()
    looks: Mapping[str, tuple[str, Look]] = field(default_factory=dict)


NOT_ALLOWED: Final = "The account may not see the camera of Friend's door"
UNTRUSTED: Final = "Xiaomi's push server is not trusted"
NEWER: Final = "The firmware of Front door has something new"
REFUSED: Final = "Front door is no longer in the account"
CONFIRM: Final = "Confirm your sign-in"

_PICTURE: Final = {"picture of the ring": (SAME, _picture_of(OWN))}
_NOTHING_LOST: Final = {"missing in the history": (NONE, missing)}
_ALL_THERE: Final = {"unavailable entities": (NONE, unavailable)}

TROUBLES: Final = (
    Trouble(
        "Two locks have one name and one MAC",
        _nothing,
        ("two locks of one name", "several locks with one MAC"),
        looks={"devices": ("3, 1 by MAC", devices)} | _ALL_THERE,
    ),
    Trouble(
        "The token service is busy, says plain text, and fails",
        _token_service_fails,
        ("token service fails",),
        {
            "own sensor.last_operation_id": "3",
            "own lock.lock": "unlocked",
            "own sensor.lithium_battery": "66",
        },
        ("own event.lock_event",),
    ),
    Trouble(
        "The app's session ends with HTTP 426",
        _session_ends,
        ("HTTP 426",),
        fired=("own event.doorbell",),
        looks=_PICTURE,
    ),
    Trouble(
        "A page of HTML comes instead of a session",
        _page_instead_of_session,
        ("renewal answers no session",),
        fired=("own event.doorbell",),
    ),
    Trouble("It is asked again after a restart", BadDay.reload, looks=_PICTURE | _ALL_THERE),
    Trouble(
        "Xiaomi wants a sign-in to be confirmed",
        _session_wants_confirmation,
        ("renewal answers no session",),
        fired=("own event.doorbell",),
        asked=(CONFIRM,),
    ),
    Trouble("The user confirms, and links again", _confirm, looks=_PICTURE | _ALL_THERE),
    Trouble(
        "The camera of a friend's lock is for the friend alone",
        _camera_is_refused,
        ("camera hosts refuse",),
        fired=("own event.doorbell", "friend's event.doorbell"),
        wrong=(NOT_ALLOWED,),
        looks=_PICTURE,
    ),
    Trouble(
        "A stranger answers at the push server",
        _stranger_at_the_push_server,
        ("untrusted push server",),
        wrong=(NOT_ALLOWED, UNTRUSTED),
    ),
    Trouble(
        "Much happens that nobody hears",
        _much_happens_unheard,
        wrong=(NOT_ALLOWED, UNTRUSTED),
    ),
    Trouble(
        "The push server is itself again, and pages of the past are short",
        _right_push_server,
        ("short pages, null",),
        {f"{name} sensor.last_operation_id": "35" for name in (OWN, TWIN, FRIENDS)},
        wrong=(NOT_ALLOWED,),
        looks=_NOTHING_LOST,
    ),
    Trouble(
        "A recording of MP4 parts is played",
        _nothing,
        ("recordings of MP4 parts", "short pages, null"),
        wrong=(NOT_ALLOWED,),
        looks={"recording": (SAME, played), "media browser": ("0 missing", browsed)},
    ),
    Trouble(
        "A lock has newer firmware, and another is refused at the start",
        _newer_firmware_and_a_refused_lock,
        ("specification of newer firmware", "a lock refused at the start"),
        {"own lock.lock": "unlocked", "twin lock.lock": "unavailable"},
        wrong=(NOT_ALLOWED, NEWER, REFUSED),
        looks={"what is new": ("listed", what_is_new)},
    ),
    Trouble(
        "The refused lock follows by itself",
        _lock_is_no_longer_refused,
        states={"own lock.lock": "unlocked", "twin lock.lock": "unlocked"},
        wrong=(NOT_ALLOWED, NEWER),
        looks=_ALL_THERE,
    ),
    Trouble(
        "There is nothing in lists",
        _nothing_in_lists,
        ("null or missing lists",),
        fired=("twin event.doorbell",),
        wrong=(NOT_ALLOWED, NEWER),
        looks=_ALL_THERE,
    ),
    Trouble(
        "Xiaomi's cloud goes down, and what is pushed has all dialects",
        _cloud_goes_down_in_dialects,
        ("messages in other dialects",),
        {"friend's sensor.last_operation_id": str(40 + len(DIALECTS))},
        ("friend's event.lock_event",),
        wrong=(NOT_ALLOWED, NEWER),
    ),
    Trouble(
        "A door has a state that nobody knows",
        _door_state_nobody_knows,
        ("unknown door state",),
        {"twin lock.lock": "unknown", "twin sensor.door_state": "unknown"},
        wrong=(NOT_ALLOWED, NEWER),
    ),
    Trouble(
        "It has one again that is known",
        _door_state_known_again,
        states={"twin lock.lock": "locked", "twin sensor.door_state": "locked"},
        wrong=(NOT_ALLOWED, NEWER),
    ),
    Trouble(
        "A lock has not been heard of for too long",
        _nothing,
        states={"own lock.lock": "unavailable"},
        wrong=(NOT_ALLOWED, NEWER),
        looks={"own event.doorbell": ("available", _is_available("own event.doorbell"))},
    ),
    Trouble(
        "Somebody rings at it all the same",
        _ring,
        ("HTTP down while push works",),
        {"own lock.lock": "unlocked"},
        ("own event.doorbell",),
        wrong=(NOT_ALLOWED, NEWER),
    ),
    Trouble(
        "Xiaomi's cloud is back",
        _cloud_is_back,
        states={"own sensor.lithium_battery": "55", "twin lock.lock": "locked"},
        wrong=(NOT_ALLOWED, NEWER),
        looks=_PICTURE | _ALL_THERE,
    ),
    Trouble(
        "At the end of the day",
        _nothing,
        wrong=(NOT_ALLOWED, NEWER),
        looks=_NOTHING_LOST
        | {
            "rings in the diary": ("all", diary),
            "media browser": ("0 missing", browsed),
            "complaints in the log": (NONE, troubles),
        }
        | _ALL_THERE,
    ),
)

ANSWERS: Final = frozenset(answer for trouble in TROUBLES for answer in trouble.answers)


async def live_through(day: BadDay, progress: Callable[[str], None]) -> bool:
    """Play the day and print the table; return whether everything is as expected."""
    rows: list[Row] = []
    progress("Looking at the locks more often")
    await day.begin()
    for trouble in TROUBLES:
        progress(trouble.name)
        seen = await _suffer(trouble, day)
        rows += seen
        for row in seen:
            if not row.right:
                progress(f"  {row.what}: {row.seen}, not {row.expected}")
        await asyncio.sleep(BETWEEN_RINGS)
    print(table(rows))
    return all(row.right for row in rows)


async def _suffer(trouble: Trouble, day: BadDay) -> list[Row]:
    """Let it happen, and repeat all checks until they pass or SEEN_WITHIN seconds are over."""
    before = {key: day.state(key) for key in trouble.fired}
    await trouble.act(day)
    deadline = asyncio.get_running_loop().time() + SEEN_WITHIN
    while True:
        rows = [Row(trouble.name, *what) for what in _states(trouble, day, before)]
        if all(row.right for row in rows):
            rows += [Row(trouble.name, *what) for what in await _looked(trouble, day)]
            # The later checks must not invalidate the states.
            if all(row.right for row in rows):
                return rows
        if asyncio.get_running_loop().time() > deadline:
            return rows
        await asyncio.sleep(_PAUSE)


def _states(
    trouble: Trouble, day: BadDay, before: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Yield the checked states: what is checked, what is expected and what is found."""
    for key, expected in trouble.states.items():
        yield key, expected, day.state(key)
    for key, state in before.items():
        fired = day.state(key) not in (state, "unavailable", "unknown")
        yield key, "fired", "fired" if fired else "not fired"


async def _looked(trouble: Trouble, day: BadDay) -> list[tuple[str, str, str]]:
    """Return the results of the other checks. Unexpected repairs and flows are failures."""
    looks: dict[str, tuple[str, Look]] = {
        "repairs": (listed(trouble.wrong), repairs),
        "asked to do": (listed(trouble.asked), asked),
        **trouble.looks,
    }
    return [(what, expected, await _what(look, day)) for what, (expected, look) in looks.items()]


async def _what(look: Look, day: BadDay) -> str:
    """Return the result of a check, or Home Assistant's error message."""
    try:
        return await look(day)
    except HomeAssistantError as error:
        return str(error)
