"""What happened, and the specification's own words, in Home Assistant's language."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN
from .state import DURESS_FINGERPRINT, FINGERPRINT, OPERATION_METHOD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import HomeAssistant

    from .miot.spec import Item, NamedValue
    from .state import Occurrence
    from .users import Credential

# What the camera says that saw somebody unlock: ``PeriodicPasswordUnlock``; duress does not show.
_UNLOCKED_BY: Final = {
    f"{named.key.replace('_', '')}unlock": OPERATION_METHOD.named(
        FINGERPRINT if named.value == DURESS_FINGERPRINT else named.value
    )
    for named in OPERATION_METHOD.values
}


def in_words(hass: HomeAssistant, named: Item | NamedValue) -> str:
    """Return what something is called."""
    chinese = hass.config.language.startswith("zh")
    return named.description_zh if chinese else named.description


def in_a_sentence(words: str) -> str:
    """Return words as they are written within a sentence: small, unless they are initials."""
    return words if words.isupper() else words.lower()


def credential_in_words(hass: HomeAssistant, credential: Credential) -> str:
    """Return what a credential is called: ``Fingerprint 7``."""
    method = in_words(hass, OPERATION_METHOD.named(credential.method))
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


def means(hass: HomeAssistant, occurrence: Occurrence) -> str | None:
    """Return by what the lock was operated, None where it did not say."""
    if credential := occurrence.credential:
        return credential_in_words(hass, credential)
    method = occurrence.get("operation-method")
    return None if method is None else in_words(hass, OPERATION_METHOD.named(int(method)))


def common_text(hass: HomeAssistant, key: str, default: str = "") -> str:
    """Return a text that is no entity's."""
    texts = async_get_cached_translations(hass, hass.config.language, "common", DOMAIN)
    return texts.get(f"component.{DOMAIN}.common.{key}", default)


def seen_in_words(hass: HomeAssistant, kind: str) -> str:
    """Return what the camera saw, in its own word where we have none."""
    if method := _UNLOCKED_BY.get(kind.lower()):
        words = in_a_sentence(in_words(hass, method))
        return common_text(hass, "seen_unlock").format(method=words)
    return common_text(hass, f"seen_{kind.lower()}", kind)
