"""A duress fingerprint: nothing tells of it but the event entity that is there for it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.components.persistent_notification import async_register_callback
from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import EVENT_CALL_SERVICE, EVENT_STATE_CHANGED, MATCH_ALL
from homeassistant.core import callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.const import SUBENTRY_PERSON
from custom_components.xiaomi_smart_lock.credentials import expiry_worker as ender
from custom_components.xiaomi_smart_lock.diagnostics import async_get_config_entry_diagnostics
from custom_components.xiaomi_smart_lock.reporting.logbook_event import CAUSE, EVENT
from custom_components.xiaomi_smart_lock.state.credential import Credential
from custom_components.xiaomi_smart_lock.wording.phrases import sentence

from .flows.dialog import Dialog
from .lock_driver import until
from .lock_harness import LockHarness, running_lock
from .people import DURESS, FINGERPRINT, give

if TYPE_CHECKING:
    from homeassistant.core import Event, HomeAssistant

    from .lock_driver import LockDriver

FINGER: Final = 30
GUEST: Final = 7

# What Home Assistant says of all locks alike, whether they have such a finger or not
STATIC: Final = {"options", "event_types", "friendly_name"}
WORDS: Final = ("duress", "胁迫")


class Onlooker:
    """Stands at the door, and sees all that Home Assistant says and shows."""

    def __init__(self, harness: LockHarness) -> None:
        """Begin to look."""
        self.hass = harness.hass
        self.seen: list[str] = []
        self._resident = harness
        self._hidden = harness.driver.entity_id(self.hass, "event", "duress")
        self.hass.bus.async_listen(MATCH_ALL, self._see)
        async_register_callback(self.hass, lambda *told: self.seen.append(str(told)))

    @callback
    def _see(self, event: Event[Any]) -> None:
        if event.event_type == EVENT_CALL_SERVICE:  # which is what the user says
            return
        if event.event_type == EVENT_STATE_CHANGED:
            if event.data["entity_id"] != self._hidden:
                state = event.data["new_state"]
                attributes = state.attributes.items() if state else ()
                shown = {name: value for name, value in attributes if name not in STATIC}
                self.seen.append(f"{event.data['entity_id']}: {state and state.state} {shown}")
            return
        self.seen.append(f"{event.event_type}: {event.data}")
        if event.event_type == EVENT:
            self.seen.append(sentence(self.hass, event.data["type"], event.data))

    async def look_around(self) -> None:
        """See what there is to be asked for."""
        harness = self._resident
        await harness.reached()
        for action in ("get_users", "get_history"):
            self.seen.append(f"{action}: {await harness.manage(action)}")
        issues = ir.async_get(self.hass).issues.values()
        self.seen += [str(issue.translation_placeholders) for issue in issues]
        form = await self.hass.config_entries.subentries.async_init(
            (harness.entry.entry_id, SUBENTRY_PERSON), context={"source": SOURCE_USER}
        )
        self.seen.append(f"form: {[field.config for field in _selectors(form)]}")
        diagnostics = await async_get_config_entry_diagnostics(self.hass, harness.entry)
        for lock in diagnostics["locks"]:
            for event, arguments in lock["events"].items():
                self.seen += [f"{event}: duress"] * (DURESS in arguments.values())

    @property
    def suspicious(self) -> list[str]:
        """What tells of duress."""
        return [text for text in self.seen if any(word in text.lower() for word in WORDS)]


def _selectors(form: Any) -> list[Any]:
    """Return the fields that have a choice, but for the kinds of what can be enrolled at all."""
    fields = [field for field in form["data_schema"].schema.values() if hasattr(field, "config")]
    return [one for one in fields if one.config.get("translation_key") != "credential_type"]


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
async def test_nothing_tells(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """It is a fingerprint when it is enrolled, used, about to end, late, and deleted."""
    monkeypatch.setattr(ender, "LATE_AFTER", -7200)  # from two hours before its end
    hass.config.language = language
    async with running_lock(hass, driver) as harness:
        duress = harness.events("duress")
        await harness.manage("set_user", user_id=GUEST)
        onlooker = Onlooker(harness)
        enrolling = hass.async_create_task(
            harness.manage(
                "set_credential",
                user_id=GUEST,
                credential_type="duress_fingerprint",
                operation_id=FINGER,
                valid_until=dt_util.utc_from_timestamp(time.time() + 3600),
            )
        )
        await until(lambda: driver.lock.users.enrolment)
        for _ in range(5):
            driver.do("enrol", 0)
        onlooker.seen.append(f"set_credential: {await enrolling}")
        await onlooker.look_around()
        assert harness.issue("still_opens")

        driver.do("operate", 2, method=DURESS, position=2, operation_id=FINGER)
        await until(lambda: duress)
        await onlooker.look_around()
        give(hass, harness.entry, "Ming", (DURESS, FINGER))
        await onlooker.look_around()

        await harness.manage("delete_credential", user_id=GUEST, operation_id=FINGER)
        await until(lambda: not harness.known.expiries.known)
        await onlooker.look_around()
        assert duress[0]["method"] == "duress_fingerprint"
        assert onlooker.suspicious == []
        # All of that was seen, and it is a finger of that number.
        words = {"en": "fingerprint", "zh-Hans": "指纹"}[language]
        told = [text for text in onlooker.seen if f"{words} {FINGER}" in text.lower()]
        for what in ("_enrolment_", "'credentials': ", "form: ", CAUSE):
            assert any(what in text for text in told), what
        assert f"'method': 'fingerprint', 'operation_id': {FINGER}" in "\n".join(onlooker.seen)


async def test_no_log_tells(
    hass: HomeAssistant, harness: LockHarness, caplog: pytest.LogCaptureFixture
) -> None:
    """Who reads the log, with all that it can have, does not find out which finger it is either."""
    caplog.set_level(logging.DEBUG, "custom_components.xiaomi_smart_lock")
    await harness.put_to_sleep()
    await harness.lock.expiry.async_expire(Credential(DURESS, FINGER), GUEST)
    await until(lambda: f"operation_id={FINGER}" in caplog.text)
    assert f"method={DURESS}" not in caplog.text


@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize("of_person", [False, True])
async def test_no_value_of_a_form_tells(
    hass: HomeAssistant, harness: LockHarness, of_person: bool, alike: bool
) -> None:
    """What a browser keeps of a list is that of fingerprints; each is still chosen for itself."""
    number = FINGER if alike else FINGER + 1
    ming = give(hass, harness.entry, "Ming", (FINGERPRINT, FINGER))
    li = give(hass, harness.entry, "Li", (DURESS, number))
    if of_person:
        dialog = await Dialog.open(hass, harness.entry, "person", li)
        await dialog.choose("choose")
    else:
        dialog = await Dialog.open(hass, harness.entry, "who_may_open")
        await dialog.done()
    values = dialog.labels("credential")
    shown = {" ".join(value.split()[:3]) for value in values.values()}
    did = harness.driver.lock.did
    assert shown <= {f"{did} {FINGERPRINT} {one}" for one in (FINGER, number)}
    whose = "" if of_person else "Li: "
    await dialog.submit(credential=values[f"{whose}Fingerprint {number}"])
    await dialog.choose("rename")
    await dialog.submit(name="thumb")
    assert [one.get("name") for one in ming.data["credentials"]] == [None]
    assert [one.get("name") for one in li.data["credentials"]] == ["thumb"]
