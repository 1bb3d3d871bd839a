"""The specification's own words, in Home Assistant's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .state import OPERATION_METHOD

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .miot.spec import Item, NamedValue
    from .state import Occurrence
    from .users import Credential


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


def means(hass: HomeAssistant, occurrence: Occurrence) -> str | None:
    """Return by what the lock was operated, None where it did not say."""
    if credential := occurrence.credential:
        return credential_in_words(hass, credential)
    method = occurrence.get("operation-method")
    return None if method is None else in_words(hass, OPERATION_METHOD.named(int(method)))
