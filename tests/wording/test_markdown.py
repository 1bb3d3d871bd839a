"""What somebody else wrote is shown as it is, where Home Assistant shows Markdown and HTML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.components.persistent_notification import _async_get_or_create_notifications

from custom_components.xiaomi_smart_lock.const import CONF_LOCKS
from custom_components.xiaomi_smart_lock.repairs import LockRepairFlow, async_create_fix_flow
from custom_components.xiaomi_smart_lock.reporting.issues import (
    Issue,
    async_clear_issue,
    async_raise_issue,
)
from custom_components.xiaomi_smart_lock.wording.phrases import escaped, escaped_url
from tests.enrolment import GUEST, show
from tests.enrolment import begin as begin_enrolment
from tests.flow import add_lock, start_again
from tests.lock_driver import until
from tests.lock_harness import LockHarness, Storage, fix, running_lock
from tests.options import begin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from tests.lock_driver import LockDriver

NAME: Final = (
    "[x](http://evil.example) <img src=//evil.example> **`www.evil.example`** a@evil.example"
)
# What begins something of Markdown's, GitHub's links without brackets, or HTML
ACTIVE: Final = re.compile(r"(?<!\\)(?:[`*\[\]<>@]|:(?=//))|www\.", re.IGNORECASE)


@pytest.fixture
async def harness(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> AsyncIterator[LockHarness]:
    """Return who lives behind the door of a lock with such a name."""
    driver.lock.name = NAME
    async with running_lock(hass, driver) as harness:
        yield harness


@pytest.mark.parametrize(
    "name", ["Front door", "大门（三楼）", "Door_2", "Anna's #1 & 2.5-3!", "#1", "-1"]
)
def test_usual_names(name: str) -> None:
    """They stay as they are, so that they look the same in a title."""
    assert escaped(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[x](http://e.com)", r"\[x\](http\://e.com)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("![x](//e)", r"!\[x\](//e)"),
        ("\\[x](y)", r"\\\[x\](y)"),
        ("`*x*` _x_", r"\`\*x\*\` \_x\_"),
        ("https://e.com HTTP://e.com", r"https\://e.com HTTP\://e.com"),
        ("WWW.e.com", r"WWW\.e.com"),
        ("a@e.com", r"a\@e.com"),
        ("~~x~~ ~x~", r"\~\~x\~\~ \~x\~"),
        ("&lt;b&gt; &#60;", r"\&lt;b\&gt; \&#60;"),
        ("# big", r"\# big"),
        ("## big", r"\## big"),
    ],
)
def test_markdown(name: str, shown: str) -> None:
    """Nothing of it is a link, a picture, code or HTML."""
    assert escaped(name) == shown
    assert not ACTIVE.search(shown)


def test_links() -> None:
    """An address does not end before its end."""
    assert escaped_url("https://a.mi.com/x)![x](//e") == "https://a.mi.com/x%29![x]%28//e"


@pytest.mark.parametrize("issue", Issue)
async def test_issues(harness: LockHarness, issue: Issue) -> None:
    """Each issue escapes each of its texts."""
    async_raise_issue(harness.hass, harness.entry, issue, lock=NAME, items=f"- {NAME}", host=NAME)
    told = harness.issue(issue, of_lock=False)
    assert told
    assert told.translation_placeholders
    assert told.translation_placeholders["lock"] == escaped(NAME)
    assert not [text for text in told.translation_placeholders.values() if ACTIVE.search(text)]
    async_clear_issue(harness.hass, harness.entry, issue)


async def test_repairs(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, harness: LockHarness
) -> None:
    """What will be done is said with the name as it is, and why it was not as well."""
    harness.driver.lock.clock_offset = 600
    harness.driver.do("fingerprint", 3)
    await until(lambda: harness.issue("clock_off"))
    await harness.put_to_sleep()
    issue = harness.issue("clock_off")
    assert issue
    flow = await async_create_fix_flow(hass, issue.issue_id, dict(issue.data or {}))
    assert isinstance(flow, LockRepairFlow)
    explained = await flow.async_step_init()
    refused = await fix(hass, hass_client, issue)
    shown = [
        text
        for result in (explained, refused)
        for text in (result["description_placeholders"] or {}).values()
    ]
    assert escaped(NAME) in "".join(shown)
    assert not list(filter(ACTIVE.search, shown))


async def test_options(hass: HomeAssistant, harness: LockHarness) -> None:
    """Whoever allows unlocking reads which lock it is."""
    result = await begin(hass, harness.entry, "unlocking")
    assert result["description_placeholders"] == {"lock": escaped(NAME), "warning": ""}
    hass.config_entries.options.async_abort(result["flow_id"])


async def test_a_new_lock(hass: HomeAssistant, harness: LockHarness) -> None:
    """Whoever shares a lock with the account gives it its name."""
    hass.config_entries.async_update_entry(harness.entry, title=NAME)
    new = add_lock(harness.driver, NAME, shared=True)
    [form] = await start_again(hass, harness.entry, new)
    assert form["description_placeholders"] == {"lock": escaped(NAME), "account": escaped(NAME)}
    assert new.did not in harness.entry.data[CONF_LOCKS]


async def test_notifications(hass: HomeAssistant, harness: LockHarness) -> None:
    """The name is in the title, which is plain text, and not in the message."""
    await harness.manage("set_user", user_id=GUEST)
    running = await begin_enrolment(harness)
    show(harness, 0)
    await until(lambda: _async_get_or_create_notifications(hass))
    [notification] = _async_get_or_create_notifications(hass).values()
    assert NAME in str(notification["title"])
    assert not ACTIVE.search(notification["message"])
    show(harness, *4 * [0])
    await running
