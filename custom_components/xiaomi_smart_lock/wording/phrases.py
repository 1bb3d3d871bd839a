"""Texts about events and about items of the specification, in Home Assistant's language."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache, reduce
from typing import TYPE_CHECKING, Any, Final

from homeassistant.helpers.translation import async_get_cached_translations
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..model.lock_model import tables_of
from ..model.roles import DURESS
from ..model.tables import Support
from ..state.credential import masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from homeassistant.core import HomeAssistant

    from ..miot.spec import (
        Item,
        NamedValue,
        Property,
        Spec,
        Value,
    )
    from ..model.lock_model import LockModel
    from ..state.credential import Credential
    from ..state.lock_event import LockEvent

OTHER: Final = "other"
"""The key of values that the specification does not list."""

# Characters that make links, pictures, code, HTML or emphasis in Markdown, or begin a heading.
# A "_" within a word is not one of them: it emphasizes nothing there, and names have it.
_MARKDOWN: Final = re.compile(
    r"[\\`*\[\]<>@~]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.|&(?=#?\w+;)|\A#(?=[#\s])",
    re.IGNORECASE,
)
# Chinese words are written together, and apart only from words and numbers in other letters.
_BETWEEN_CHINESE: Final = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")

# Where a word begins in a kind of detection: ``NFCUnlock``, ``HijackFingerprintUnlock``
_WORD_BEGINS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def escaped(text: str) -> str:
    """Return an external text escaped for Markdown, so that it is shown as it is."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def escaped_url(url: str) -> str:
    """Return an external URL with encoded parentheses, which would end a Markdown link early."""
    return url.replace("(", "%28").replace(")", "%29")


def in_words(hass: HomeAssistant, named: Item | NamedValue | Spec) -> str:
    """Return the name of an item, a value or a device."""
    # As in Home Assistant's translations: English for a language without a translation file.
    chinese = hass.config.language == "zh-Hans"
    return (chinese and named.description_zh) or named.description


def product_in_words(hass: HomeAssistant, model: LockModel) -> str:
    """Return the name of a product, and how much is known of its model unless it is supported."""
    pattern = common_text(hass, f"support_{model.support}", "{product}")
    product = model.product or in_words(hass, model.spec) or model.name
    return pattern.format(product=product)


def lock_in_words(hass: HomeAssistant, name: str, model: str) -> str:
    """Return a lock's name, and how much is known of its model unless it is supported."""
    tables = tables_of(model)
    if tables.support is Support.SUPPORTED:
        return name
    support = common_text(hass, f"support_{tables.support}", "{product}")
    product = support.format(product=tables.name or model)
    return common_text(hass, "lock_of_product", "{lock}: {product}").format(
        lock=name, product=product
    )


def value_in_words(hass: HomeAssistant, prop: Property | None, value: Value) -> str:
    """Return the name of a value, or its number if the specification does not list it."""
    if prop is None:
        return str(value)
    if named := prop.named(value):
        return in_words(hass, named)
    pattern = common_text(hass, "unknown_value", "{number}")
    return pattern.format(name=in_words(hass, prop), number=value)


def listed(hass: HomeAssistant, words: Iterable[str]) -> str:
    """Return words joined to a list, as in a sentence."""
    pattern = common_text(hass, "list", "{first}, {second}")
    return reduce(lambda first, second: pattern.format(first=first, second=second), words)


def moment_in_words(hass: HomeAssistant, when: float) -> str:
    """Return a time in words, in the local time zone: ``today 22:12``."""
    moment = dt_util.as_local(dt_util.utc_from_timestamp(when))
    day = {0: "today", 1: "yesterday"}.get((dt_util.now().date() - moment.date()).days)
    if day is None:
        return f"{moment:%Y-%m-%d %H:%M}"
    return common_text(hass, day).format(time=f"{moment:%H:%M}")


def in_a_sentence(words: str) -> str:
    """Return words as within a sentence: in lower case, unless they are initials."""
    return words if words.isupper() else words.lower()


def credential_in_words(hass: HomeAssistant, model: LockModel, credential: Credential) -> str:
    """Return the name of a credential for display, with duress masked: ``Fingerprint 7``."""
    method = value_in_words(hass, model.methods, masked(model, credential.method))
    return f"{method} {credential.operation_id}"


def sentence(hass: HomeAssistant, kind: str, facts: Mapping[str, Any]) -> str:
    """Return what happened: a translated pattern, filled in with facts."""
    texts = async_get_cached_translations(hass, hass.config.language, "common", DOMAIN)
    common = f"component.{DOMAIN}.common"
    # A fact may be missing: the lock did not report it, or an older version did not store it.
    said = defaultdict(str)
    for name, fact in facts.items():
        said[name] = texts.get(f"{common}.{name}_{fact}", fact)
    pattern = texts.get(f"{common}.logbook_{kind}", "")
    return together(" ".join(pattern.format_map(said).split()))


def together(text: str) -> str:
    """Return a text without blanks between Chinese words, which a pattern has for Latin names."""
    return _BETWEEN_CHINESE.sub("", text)


def means(hass: HomeAssistant, lock_event: LockEvent) -> str | None:
    """Return what the lock was operated with, None if the lock did not report it."""
    if credential := lock_event.credential:
        return credential_in_words(hass, lock_event.model, credential)
    method = lock_event.get("operation-method")
    return None if method is None else value_in_words(hass, lock_event.model.methods, method)


def common_text(hass: HomeAssistant, key: str, default: str = "") -> str:
    """Return a text from the translations' section ``common``."""
    texts = async_get_cached_translations(hass, hass.config.language, "common", DOMAIN)
    return texts.get(f"component.{DOMAIN}.common.{key}", default)


@cache
def _unlocked_by(model: LockModel) -> Mapping[str, int]:
    """Return the ways to unlock by the names that the camera gives them; duress is masked.

    The names are in lower case here. The camera's own form: ``PeriodicPasswordUnlock``.
    """
    return {
        f"{named.key.replace('_', '')}unlock": masked(model, named.value)
        for named in (model.methods.values if model.methods else ())
    }


def _method_seen(model: LockModel, kind: str) -> int | None:
    """Return the method by which a kind of detection says that somebody unlocked.

    0 if it does not say which, None if nobody unlocked. Duress is masked, whatever the camera calls
    it: as the method without it, or as the one that hides duress; if none does, no method is told.
    """
    ways, words = _unlocked_by(model), _WORD_BEGINS.sub("_", kind).lower()
    if not DURESS.search(words):
        return ways.get(kind.lower())
    if not model.masks:
        return 0
    plain = DURESS.sub("", words).replace("_", "")
    return ways.get(kind.lower()) or ways.get(plain) or next(iter(model.masks.values()))


def is_unlock(model: LockModel, kind: str) -> bool:
    """Return whether a kind of detection is that somebody unlocked."""
    return _method_seen(model, kind) is not None


def day_in_words(hass: HomeAssistant, day: date) -> str:
    """Return a day as a title: today and yesterday, the date, with the year if it is another."""
    today = dt_util.now().date()
    if key := {0: "media_today", 1: "media_yesterday"}.get((today - day).days):
        return common_text(hass, key)
    pattern = "date" if day.year == today.year else "date_of_year"
    return common_text(hass, pattern, "{iso}").format(
        iso=day.isoformat(),
        year=day.year,
        month=common_text(hass, f"month_{day.month}"),
        day=day.day,
        weekday=common_text(hass, f"weekday_{day.isoweekday()}"),
    )


def seen_in_words(hass: HomeAssistant, model: LockModel, kind: str) -> str:
    """Return the name of a kind of detection; the camera's own word if we have none."""
    if (method := _method_seen(model, kind)) is not None:
        words = in_a_sentence(value_in_words(hass, model.methods, method)) if method else ""
        return common_text(hass, "seen_unlock").format(method=words).strip()
    return common_text(hass, f"seen_{kind.lower()}", kind)
