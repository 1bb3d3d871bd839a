"""Guests of one lock: their credentials end when they are to, or with the guest's subentry."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from homeassistant.const import EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.util import dt as dt_util

from ..account.entry_data import lock_ids
from ..people import ENDED, VALID_UNTIL, people
from ..state.expiry import Expiry
from ..state.lock_state import Topic
from ..wording.phrases import common_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from homeassistant.core import Event, HomeAssistant

    from ..coordinator import LockCoordinator
    from ..people import Key, Person
    from ..state.credential import Credential
    from .expiry_worker import ExpiryWorker

USES: Final = "uses"

LATEST: Final = 253402128000.0
"""The latest end that is kept, in Unix seconds: 9999-12-30, which is a time in every zone."""


class Guests:
    """The guests of one lock, whose subentries and expiries are kept in step.

    The expiry decides when a credential ends. The subentry repeats it, so that a guest's credential
    ends even if the stored data of the lock was lost.
    """

    def __init__(
        self,
        coordinator: LockCoordinator,
        expiry: ExpiryWorker,
        locks: Mapping[str, LockCoordinator],
    ) -> None:
        """Prepare for a lock, one of all ``locks`` of the config entry by their dids."""
        self._lock = coordinator
        self._expiry = expiry
        self._locks = locks

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Start to follow the expiries; return a function that stops this."""
        self.async_look()
        stops = (
            self._expiry.async_listen(self._async_note_end),
            self._expiry.async_listen_put_off(self.async_look),
            self._lock.async_watch(Topic.ENDINGS, self.async_look),
            self._lock.hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, self._async_note_zone),
        )

        @callback
        def stop() -> None:
            for stop_one in stops:
                stop_one()

        return stop

    @callback
    def async_look(self) -> None:
        """Follow what has changed of guests and expiries. Call it when a subentry has changed."""
        guests = [one for one in people(self._lock.config_entry) if one.is_guest]
        changed = self._async_end_those_of_removed({one.subentry.subentry_id for one in guests})
        for guest in guests:
            if any(did == self._lock.device.did for did, _ in guest.holds):
                changed |= self._async_restore(guest)
                self._async_show(guest)
        if changed:
            self._lock.in_background(self._lock.async_save())
            self._expiry.async_look()

    @callback
    def _async_note_zone(self, event: Event[Any]) -> None:
        """Show the ends in another time zone if that is changed."""
        if "time_zone" in event.data:
            self.async_look()

    @callback
    def _async_note_end(self, credential: Credential) -> None:
        """Write into the subentry that a credential has ended, so that it is never restored.

        Its times cannot tell that if the clock was wrong at one of them.
        """
        for guest in people(self._lock.config_entry):
            if guest.is_guest and (self._lock.device.did, credential) in guest.holds:
                self._async_show(guest)

    def _async_end_those_of_removed(self, present: set[str]) -> bool:
        """Have the credentials of removed guests end at once; return whether there are any."""
        known, now = self._lock.data.expiries.known, time.time()
        of_removed = {
            credential: expiry.by(now)
            for credential, expiry in known.items()
            if expiry.guest and expiry.guest not in present
        }
        changed = any(known[one] != expiry for one, expiry in of_removed.items())
        known.update(of_removed)
        return changed

    def _async_restore(self, guest: Person) -> bool:
        """Note whose the expiries of a guest are, and add what is missing; return if any was."""
        known, data = self._lock.data.expiries.known, guest.subentry.data
        if ENDED in data:
            return False
        changed = False
        for credential in guest.has_now(self._lock):
            expiry = known.get(credential)
            if expiry is None:
                user_id = self._lock.data.users.user_of(credential)
                since = guest.holds[self._lock.device.did, credential].since
                expiry = Expiry(
                    data["user_id"] if user_id is None else user_id,
                    since=since,
                    due=data[VALID_UNTIL],
                    uses=data[USES],
                )
            wanted = replace(expiry, name=guest.name, guest=guest.subentry.subentry_id)
            changed |= known.get(credential) != wanted
            known[credential] = wanted
        return changed

    @callback
    def _async_show(self, guest: Person) -> None:
        """Write into the subentry of a guest what is left, also in its title.

        Each lock writes the same, whatever it is that has changed: the end of the guest's first
        credential that is left at any lock.
        """
        lock = self._lock
        ends = expiries_of(guest, self._locks)
        data = dict(guest.subentry.data)
        if left := next(iter(ends.values()), None):
            data |= {VALID_UNTIL: left.due, USES: left.uses}
        elif not self._may_have_elsewhere(guest):
            data.setdefault(ENDED, time.time())
        title = guest_title(lock.hass, data)
        lock.hass.config_entries.async_update_subentry(
            lock.config_entry, guest.subentry, data=data, title=title
        )

    def _may_have_elsewhere(self, guest: Person) -> bool:
        """Return whether another lock may have a credential of a guest.

        One that has not started may, and one that has not looked yet what of theirs is to end.
        """
        others = [one for one in lock_ids(self._lock.config_entry) if one != self._lock.device.did]
        held = {did for did, _ in guest.holds}
        return any(
            (lock := self._locks.get(did)) is None or guest.has_now(lock)
            for did in others
            if did in held
        )


def expiries_of(guest: Person, locks: Mapping[str, LockCoordinator]) -> dict[Key, Expiry]:
    """Return when the credentials of a guest end that are left, at locks by their dids."""
    return {
        (did, credential): expiry
        for did, credential in guest.holds
        if (lock := locks.get(did))
        and (expiry := lock.data.expiries.known.get(credential))
        and expiry.guest in (None, guest.subentry.subentry_id)
    }


def seconds_of(moment: datetime) -> float:
    """Return a time that somebody entered, in Unix seconds and LATEST at most.

    Its time zone is Home Assistant's unless it says another one. Of the first and last days of all
    years nothing is converted, which would fail: who means *never* may say 9999-12-31.
    """
    zone = moment.tzinfo or dt_util.get_default_time_zone()
    return min(moment.replace(tzinfo=zone).timestamp(), LATEST)


def guest_title(hass: HomeAssistant, data: Mapping[str, Any]) -> str:
    """Return the title of a guest's subentry: the name, and what is left."""
    pattern = common_text(hass, "guest_title", "{name} ({left})")
    return pattern.format(name=data["name"], left=left_in_words(hass, data))


def left_in_words(hass: HomeAssistant, data: Mapping[str, Any]) -> str:
    """Return what is left of a guest's access, by the data of the subentry."""
    due, uses = data[VALID_UNTIL], data[USES]
    if ENDED in data:
        return common_text(hass, "guest_ended")
    if due is not None and due <= time.time():
        return common_text(hass, "guest_ending")
    words = []
    if due is not None:
        when = dt_util.as_local(dt_util.utc_from_timestamp(due))
        words.append(common_text(hass, "guest_until").format(when=f"{when:%Y-%m-%d %H:%M}"))
    if uses is not None:
        words.append(
            common_text(hass, "guest_uses" if uses != 1 else "guest_use").format(uses=uses)
        )
    pattern = common_text(hass, "list", "{first}, {second}")
    return words[0] if len(words) == 1 else pattern.format(first=words[0], second=words[-1])
