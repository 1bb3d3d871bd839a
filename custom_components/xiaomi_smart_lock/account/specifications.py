"""The specification of each lock: shipped, stored, or fetched and stored for the next start.

A stored one is asked for again from time to time: MIoT may have published more under its URN.
"""

from __future__ import annotations

import logging
import textwrap
import time
from contextlib import suppress
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from homeassistant.helpers.aiohttp_client import async_get_clientsession

from ..miot.errors import CannotConnectError, MiotError
from ..miot.instance import additions, adopt, as_instance, fetch, has_all, plain, revision_of
from ..miot.spec import parse
from ..miot.values import number
from ..model.lock_model import LockModel, model_of, model_with, shipped
from ..reporting.issues import Issue
from ..store import async_specification_store
from ..wording.phrases import in_words
from .endpoints import async_endpoints

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from homeassistant.core import HomeAssistant

    from ..miot.cloud import Device
    from ..miot.instance import Instance
    from ..reporting.reporter import LockReporter

    type Instances = Mapping[str, Instance]
    """Specifications by URN."""

_LOGGER = logging.getLogger(__name__)

ASK_AGAIN_AFTER: Final = 7 * 24 * 3600
"""Seconds after which a stored specification is asked for again."""
ASKED: Final = "asked"
"""The key of the time at which a stored specification was asked for, in Unix seconds."""

MOST_ADDITIONS: Final = 50
"""Maximum number of new items listed in a note."""
LONGEST_ADDITION: Final = 300
"""Maximum length of a listed item in characters: one may have thousands of values."""


async def async_models_of(
    hass: HomeAssistant, devices: Iterable[Device]
) -> dict[tuple[str, str], LockModel]:
    """Return the models of locks by model name and URN of the specification.

    Each has the specification of its firmware, as far as that is known.
    """
    stored = await _async_stored(hass)
    return {
        (name, urn): await hass.async_add_executor_job(_model, name, plain(urn), stored)
        for name, urn in {(one.model, one.urn) for one in devices}
    }


def _model(name: str, urn: str, stored: Instances) -> LockModel:
    if urn not in stored and urn in shipped(name):
        # All locks of a model share it.
        newest = model_of(name)
        if newest.spec.urn == urn:
            return newest
    return model_with(name, _instance(name, urn, stored))


def _instance(name: str, urn: str, stored: Instances) -> Instance | None:
    """Return the specification of a URN; if it is not known, the newest known one of the model.

    A shipped one takes the texts that were stored before it was shipped: keys come from them.
    """
    ours = shipped(name)
    if urn in ours:
        return adopt(ours[urn], stored[urn]) if urn in stored else ours[urn]
    newest = next(reversed(ours.values()), None)
    return stored.get(urn) or _newest(urn, {**stored, **ours}) or newest


def _newest(urn: str, known: Instances) -> Instance | None:
    """Return the newest known revision of a URN's device, None if there is none."""
    asked = revision_of(urn)
    revisions = [
        (found[1], instance)
        for one, instance in known.items()
        if asked and (found := revision_of(one)) and found[0] == asked[0]
    ]
    return max(revisions, key=itemgetter(0))[1] if revisions else None


async def _async_stored(hass: HomeAssistant) -> Instances:
    stored = await async_specification_store(hass).async_load()
    return await hass.async_add_executor_job(_readable, stored)


def _readable(stored: object) -> Instances:
    """Return the stored specifications without those that are none."""
    found: dict[str, Instance] = {}
    for urn, instance in stored.items() if isinstance(stored, dict) else ():
        with suppress(CannotConnectError):
            if isinstance(instance, dict):
                asked = number(instance.get(ASKED)) or 0
                found[urn] = as_instance(parse(instance)) | {"type": urn, ASKED: asked}
    return found


async def async_learned(hass: HomeAssistant, model: LockModel) -> Instance | None:
    """Return a model's specification as it was learned; None for one that was shipped."""
    learned = (await _async_stored(hass)).get(model.spec.urn)
    return learned and {key: value for key, value in learned.items() if key != ASKED}


def _is_due(name: str, urn: str, stored: Instances) -> bool:
    """Return whether to ask for a specification: it is not known, or was asked for long ago."""
    if revision_of(urn) is None or urn in shipped(name):
        return False
    asked = stored[urn][ASKED] if urn in stored else 0
    return not 0 <= time.time() - asked < ASK_AGAIN_AFTER


async def async_learn_specification(
    hass: HomeAssistant, device: Device, model: LockModel, reporter: LockReporter
) -> bool:
    """Fetch and store the specification of a lock if it is due; return whether more is known now.

    A note says what it has that the specification which serves has not. If it cannot be fetched,
    it stays due.
    """
    name, urn, stored = device.model, plain(device.urn), await _async_stored(hass)
    if await hass.async_add_executor_job(_is_due, name, urn, stored):
        stored = await _async_fetched(hass, device) or stored
    # Another entry may have learned it since this one was set up.
    newer = await hass.async_add_executor_job(_model, name, urn, stored)
    words = partial(in_words, hass)
    lines = await hass.async_add_executor_job(additions, newer.spec, model.spec, words)
    if model.spec.services:
        _note(reporter, lines)
    return bool(lines)


async def _async_fetched(hass: HomeAssistant, device: Device) -> Instances | None:
    """Fetch and store a lock's specification; return what is stored then, None if that fails."""
    endpoints, tls = await async_endpoints(hass)
    try:
        published = await fetch(async_get_clientsession(hass), tls, endpoints, device.urn)
    except MiotError as error:
        _LOGGER.debug("%s: no specification: %s", device.name, error)
        return None
    urn, store = plain(device.urn), async_specification_store(hass)
    async with store.changing:
        stored = await _async_stored(hass)  # Another one may have been learned meanwhile.
        theirs = {**published, "type": urn}
        learned = await hass.async_add_executor_job(_learn, device.model, theirs, stored)
        await store.async_save({**stored, urn: learned | {ASKED: int(time.time())}})
        return await _async_stored(hass)  # It is not there if the disk is full.


def _learn(name: str, theirs: Instance, stored: Instances) -> Instance:
    """Return a specification as it is to be stored, with the texts of what is known already.

    What was stored of the same URN stays if the new one lacks something of it.
    """
    if (known := stored.get(theirs["type"])) is not None:
        learned = adopt(theirs, known)
        return learned if has_all(parse(learned), parse(known)) else known
    earlier = _newest(theirs["type"], {**stored, **shipped(name)})
    return adopt(theirs, earlier) if earlier else theirs


def _note(reporter: LockReporter, new: list[str]) -> None:
    """Raise an issue that lists what is new, if anything is."""
    lines = [
        f"- {textwrap.shorten(line, LONGEST_ADDITION, placeholder=' …')}"
        for line in new[:MOST_ADDITIONS]
    ]
    if more := len(new) - len(lines):
        lines.append(f"- … (+{more})")
    if lines:
        reporter.raise_issue(Issue.SPECIFICATION, items="\n".join(lines))
