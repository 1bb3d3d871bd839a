"""What happened, and the specification's own words, in Home Assistant's language."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache, reduce
from typing import TYPE_CHECKING, Any, Final

from homeassistant.helpers.translation import async_get_cached_translations

from ..const import DOMAIN
from ..state.credential import masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from homeassistant.core import HomeAssistant

    from ..miot.spec import (
        Item,
        NamedValue,
        Property,
        Value,
    )
    from ..model.lock_model import LockModel
    from ..state.credential import Credential
    from ..state.lock_event import LockEvent

OTHER: Final = "other"
"""The key of what the specification has no word for."""

# What makes a link, a picture, code or HTML of a text, and what emphasizes a word of it; within a
# word "_" does not, and names have it there.
_MARKDOWN: Final = re.compile(r"[\\`*\[\]<>@]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.", re.IGNORECASE)


def escaped(text: str) -> str:
    """Return a text of somebody else's as Markdown that shows it as it is."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def escaped_url(url: str) -> str:
    """Return an address of somebody else's that ends no link in Markdown before its own end."""
    return url.replace("(", "%28").replace(")", "%29")


def in_words(hass: HomeAssistant, named: Item | NamedValue) -> str:
    """Return what something is called."""
    # The rule of Home Assistant's translations: English for a language that there is no file of.
    chinese = hass.config.language == "zh-Hans"
    return named.description_zh if chinese else named.description


def value_in_words(hass: HomeAssistant, prop: Property | None, value: Value) -> str:
    """Return what a value is called, or the number where the specification does not have it."""
    if prop is None:
        return str(value)
    if named := prop.named(value):
        return in_words(hass, named)
    pattern = common_text(hass, "unknown_value", "{number}")
    return pattern.format(name=in_words(hass, prop), number=value)


def listed(hass: HomeAssistant, words: Iterable[str]) -> str:
    """Return words one after the other, as they are written in a sentence."""
    pattern = common_text(hass, "list", "{first}, {second}")
    return reduce(lambda first, second: pattern.format(first=first, second=second), words)


def in_a_sentence(words: str) -> str:
    """Return words as they are written within a sentence: small, unless they are initials."""
    return words if words.isupper() else words.lower()


def credential_in_words(hass: HomeAssistant, model: LockModel, credential: Credential) -> str:
    """Return what a credential is called where it is shown: ``Fingerprint 7``."""
    method = value_in_words(hass, model.methods, masked(model, credential.method))
    return f"{method} {credential.operation_id}"


def sentence(hass: HomeAssistant, kind: str, facts: Mapping[str, Any]) -> str:
    """Return what happened, by a translated pattern and the facts to put there."""
    texts = async_get_cached_translations(hass, hass.config.language, "common", DOMAIN)
    common = f"component.{DOMAIN}.common"
    # A fact may be missing: the lock did not say it, or an older version did not write it.
    said = defaultdict(str)
    for name, fact in facts.items():
        said[name] = texts.get(f"{common}.{name}_{fact}", fact)
    pattern = texts.get(f"{common}.logbook_{kind}", "")
    return " ".join(pattern.format_map(said).split())


def means(hass: HomeAssistant, lock_event: LockEvent) -> str | None:
    """Return by what the lock was operated, None where it did not say."""
    if credential := lock_event.credential:
        return credential_in_words(hass, lock_event.model, credential)
    method = lock_event.get("operation-method")
    return None if method is None else value_in_words(hass, lock_event.model.methods, method)


def common_text(hass: HomeAssistant, key: str, default: str = "") -> str:
    """Return a text that is no entity's."""
    texts = async_get_cached_translations(hass, hass.config.language, "common", DOMAIN)
    return texts.get(f"component.{DOMAIN}.common.{key}", default)


@cache
def _unlocked_by(model: LockModel) -> Mapping[str, int]:
    """Return the ways that a camera names which saw somebody unlock; duress does not show.

    It says ``PeriodicPasswordUnlock``.
    """
    return {
        f"{named.key.replace('_', '')}unlock": masked(model, named.value)
        for named in (model.methods.values if model.methods else ())
    }


def seen_in_words(hass: HomeAssistant, model: LockModel, kind: str) -> str:
    """Return what the camera saw, in its own word where we have none."""
    if method := _unlocked_by(model).get(kind.lower()):
        words = in_a_sentence(value_in_words(hass, model.methods, method))
        return common_text(hass, "seen_unlock").format(method=words)
    return common_text(hass, f"seen_{kind.lower()}", kind)
