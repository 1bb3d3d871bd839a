"""Texts about errors, in Home Assistant's language."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from homeassistant.helpers.translation import async_get_cached_translations

from ..const import DOMAIN
from ..miot.errors import (
    AnotherDeviceError,
    BudgetSpentError,
    MiotError,
    NoAnswerError,
    NoConnectionError,
    NotRenewedError,
    PausedError,
    ResultError,
    StatusError,
    TooLongError,
    TooManyRequestsError,
)
from .phrases import common_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import HomeAssistant
    from homeassistant.exceptions import HomeAssistantError

_LOGGER: Final = logging.getLogger(__name__)

REASONS: Final[Mapping[type[MiotError], str]] = {
    AnotherDeviceError: "another_device",
    BudgetSpentError: "budget_spent",
    NoAnswerError: "no_answer",
    NoConnectionError: "no_connection",
    NotRenewedError: "not_renewed",
    PausedError: "paused",
    ResultError: "result",
    StatusError: "status",
    TooLongError: "too_long",
    TooManyRequestsError: "too_many_requests",
    MiotError: "unusable",
}
"""The translation keys of our errors; the first type that matches counts."""


def reason_in_words(hass: HomeAssistant, error: MiotError) -> str:
    """Return the translated reason of an error; the error's own text is only logged."""
    _LOGGER.debug("Told a user of: %s", error)
    key = next(key for kind, key in REASONS.items() if isinstance(error, kind))
    facts = {
        name: round(fact) if isinstance(fact, float) else fact for name, fact in vars(error).items()
    }
    return common_text(hass, f"reason_{key}").format_map(facts)


def error_in_words(hass: HomeAssistant, error: HomeAssistantError) -> str:
    """Return an error's translated message; Home Assistant itself would use English."""
    texts = async_get_cached_translations(hass, hass.config.language, "exceptions", DOMAIN)
    key = f"component.{DOMAIN}.exceptions.{error.translation_key}.message"
    if key not in texts:
        return str(error)
    return texts[key].rstrip(".").format_map(error.translation_placeholders or {})


def translatable[Error: HomeAssistantError](
    kind: type[Error], key: str, **placeholders: str
) -> Error:
    """Return an error with a message of ours, shown in the language of the user."""
    return kind(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders or None,
    )


def translated[Error: HomeAssistantError](
    hass: HomeAssistant, kind: type[Error], key: str, **facts: str
) -> Error:
    """Return an error whose message is translated already, where nothing else is shown."""
    return kind(
        error_in_words(hass, translatable(kind, key, **facts)),
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=facts,
    )
