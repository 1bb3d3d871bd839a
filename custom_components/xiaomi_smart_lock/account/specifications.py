"""The specification of each lock: shipped, stored, or fetched and stored for the next start."""

from __future__ import annotations

import logging
import textwrap
from contextlib import suppress
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from homeassistant.helpers.aiohttp_client import async_get_clientsession

from ..miot.errors import CannotConnectError, MiotError
from ..miot.instance import additions, adopt, as_instance, fetch, plain, revision_of
from ..miot.spec import parse
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
                found[urn] = as_instance(parse(instance)) | {"type": urn}
    return found


async def async_learned(hass: HomeAssistant, model: LockModel) -> Instance | None:
    """Return a model's specification as it was learned; None for one that was shipped."""
    return (await _async_stored(hass)).get(model.spec.urn)


def is_known(name: str, urn: str, stored: Instances) -> bool:
    """Return whether the specification of a URN is shipped or stored."""
    return urn in stored or urn in shipped(name)


async def async_learn_specification(
    hass: HomeAssistant, device: Device, model: LockModel, reporter: LockReporter
) -> bool:
    """Fetch and store the specification of a lock; return whether it has something to show.

    A note says what it has that the specification which served before has not. If it cannot be
    fetched, the next start tries again.
    """
    urn, stored = plain(device.urn), await _async_stored(hass)
    known = await hass.async_add_executor_job(is_known, device.model, urn, stored)
    if known or revision_of(urn) is None:
        # Another entry may have learned it since this one was set up.
        return known and model.spec.urn != urn
    endpoints, tls = await async_endpoints(hass)
    try:
        published = await fetch(async_get_clientsession(hass), tls, endpoints, device.urn)
    except MiotError as error:
        _LOGGER.debug("%s: no specification: %s", device.name, error)
        return False
    store = async_specification_store(hass)
    async with store.changing:
        stored = await _async_stored(hass)  # Another one may have been learned meanwhile.
        theirs = {**published, "type": urn}
        learned, newer = await hass.async_add_executor_job(_learn, device.model, theirs, stored)
        await store.async_save({**stored, urn: learned})
    if not model.spec.services:
        return True
    words = partial(in_words, hass)
    lines = await hass.async_add_executor_job(additions, newer.spec, model.spec, words)
    _note(reporter, lines)
    return bool(lines)


def _learn(name: str, theirs: Instance, stored: Instances) -> tuple[Instance, LockModel]:
    """Return a specification with the texts of the newest known revision, and its model."""
    earlier = _newest(theirs["type"], {**stored, **shipped(name)})
    learned = adopt(theirs, earlier) if earlier else theirs
    return learned, model_with(name, learned)


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
