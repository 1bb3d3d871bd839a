"""What Home Assistant's recorder keeps of codes and passwords, and the lines that keep them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.components.recorder.db_schema import EventData, EventTypes
from homeassistant.components.recorder.util import session_scope
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.yaml import parse_yaml

from custom_components.xiaomi_smart_lock.const import CONF_UNLOCKING
from custom_components.xiaomi_smart_lock.state.unlock_code import hash_code

from .documents import yaml_blocks
from .lock_harness import running_lock

if TYPE_CHECKING:
    from homeassistant.components.recorder import Recorder
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import RecorderInstanceContextManager

    from .lock_driver import LockDriver

CODE: Final = "8310572946"
PASSWORD: Final = "4815162342"


def recommended_lines() -> Any:
    """Return the recorder's configuration that users are told to write."""
    [text] = yaml_blocks("recorder:")
    configuration = parse_yaml(text)
    assert isinstance(configuration, dict)
    return configuration["recorder"]


@pytest.fixture
async def mock_recorder_before_hass(
    async_test_recorder: RecorderInstanceContextManager,
) -> None:
    """Have the recorder prepared before Home Assistant."""


@pytest.mark.parametrize(("recorder_config", "kept"), [(None, True), (recommended_lines(), False)])
async def test_what_is_recorded(
    recorder_mock: Recorder, hass: HomeAssistant, driver: LockDriver, kept: bool
) -> None:
    """As users are told: what is given to actions, unless these lines leave it out."""
    driver.lock.accepts_remote_unlock = True
    async with running_lock(
        hass, driver, local=False, **{CONF_UNLOCKING: hash_code(CODE)}
    ) as harness:
        await harness.call("lock", "unlock", "lock", code=CODE)
        with pytest.raises(HomeAssistantError):
            await harness.manage(
                "set_credential", user_id=7, credential_type="password", credential_data=PASSWORD
            )
        await hass.async_block_till_done()
        await hass.async_add_executor_job(recorder_mock.block_till_done)

        def recorded() -> tuple[set[str | None], str]:
            with session_scope(hass=hass, read_only=True) as session:
                kinds = {kind for (kind,) in session.query(EventTypes.event_type)}
                data = "".join(str(data) for (data,) in session.query(EventData.shared_data))
                return kinds, data

        kinds, data = await hass.async_add_executor_job(recorded)
        assert "xiaomi_smart_lock_event" in kinds
        assert [secret in data for secret in (CODE, PASSWORD)] == [kept, kept]
