"""The options of an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.config_entries import OptionsFlow
from homeassistant.const import CONF_HOST
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
)

from .const import (
    CONF_ACCEPT_BROKER_NAME,
    CONF_ALLOW_UNLOCK,
    CONF_LATE_AFTER,
    CONF_PENDING_FOR,
    CONF_POLL_INTERVAL,
    CONF_POLL_INTERVAL_WITHOUT_PUSH,
    CONF_UNAVAILABLE_AFTER,
    LATE_AFTER,
    PENDING_FOR,
    POLL_INTERVAL_CLOUD,
    POLL_INTERVAL_LOCAL,
    POLL_INTERVAL_WITHOUT_PUSH,
    UNAVAILABLE_AFTER_CLOUD,
    UNAVAILABLE_AFTER_LOCAL,
)

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigFlowResult


def _numbers(unit: str, smallest: int, largest: int, **defaults: int) -> dict[vol.Marker, Any]:
    """Return fields for numbers of a unit, by their keys and defaults."""
    selector = NumberSelector(
        NumberSelectorConfig(
            min=smallest,
            max=largest,
            step=1,
            unit_of_measurement=unit,
            mode=NumberSelectorMode.BOX,
        )
    )
    return {vol.Required(key, default=default): selector for key, default in defaults.items()}


LOCAL_OPTIONS: Final = vol.Schema(
    {
        **_numbers("s", 10, 3600, **{CONF_POLL_INTERVAL: POLL_INTERVAL_LOCAL}),
        **_numbers("min", 1, 10080, **{CONF_UNAVAILABLE_AFTER: UNAVAILABLE_AFTER_LOCAL}),
        **_numbers("h", 1, 168, **{CONF_PENDING_FOR: PENDING_FOR}),
        vol.Required(CONF_ALLOW_UNLOCK, default=False): BooleanSelector(),
    }
)
ACCOUNT_OPTIONS: Final = vol.Schema(
    {
        **_numbers(
            "s",
            10,
            3600,
            **{
                CONF_POLL_INTERVAL: POLL_INTERVAL_CLOUD,
                CONF_POLL_INTERVAL_WITHOUT_PUSH: POLL_INTERVAL_WITHOUT_PUSH,
            },
        ),
        **_numbers("min", 1, 10080, **{CONF_UNAVAILABLE_AFTER: UNAVAILABLE_AFTER_CLOUD}),
        **_numbers("min", 1, 1440, **{CONF_LATE_AFTER: LATE_AFTER}),
        **_numbers("h", 1, 168, **{CONF_PENDING_FOR: PENDING_FOR}),
        vol.Required(CONF_ACCEPT_BROKER_NAME, default=False): BooleanSelector(),
        vol.Required(CONF_ALLOW_UNLOCK, default=False): BooleanSelector(),
    }
)


class LockOptionsFlow(OptionsFlow):
    """How often to ask, how long to wait, and what to allow."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the options."""
        if user_input is not None:
            return self.async_create_entry(data=user_input)
        schema = LOCAL_OPTIONS if CONF_HOST in self.config_entry.data else ACCOUNT_OPTIONS
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(schema, self.config_entry.options),
        )
