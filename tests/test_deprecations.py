"""The guard that fails a test in which Home Assistant warns of what we do."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest.mock import patch

from homeassistant.helpers import frame

from custom_components.xiaomi_smart_lock.const import DOMAIN

from .conftest import deprecations

if TYPE_CHECKING:
    import pytest
    from homeassistant.core import HomeAssistant


async def test_a_warning_of_home_assistant_is_noticed(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    """What Home Assistant logs when an integration does what it will not do any more."""
    frame.async_setup(hass)
    ours = frame.IntegrationFrame(
        custom_integration=True,
        frame=SimpleNamespace(f_lineno=7, f_code=SimpleNamespace(co_filename="lock.py")),  # type: ignore[arg-type]
        integration=DOMAIN,
        module=f"custom_components.{DOMAIN}.lock",
        relative_filename=f"custom_components/{DOMAIN}/lock.py",
    )
    with patch.object(frame, "get_integration_frame", return_value=ours):
        frame.report_usage("does what is over", breaks_in_ha_version="2099.1")
    assert len(deprecations(caplog.records)) == 1
    caplog.clear()
    other = logging.LogRecord("x", logging.WARNING, "", 1, "other will stop working", None, None)
    assert not deprecations([other])
