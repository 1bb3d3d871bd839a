"""Signing in: the browser comes back, or what it ended on is pasted."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from homeassistant.components import config, webhook
from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import CONF_REGION
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from yarl import URL

from custom_components.xiaomi_smart_lock.const import CONF_LOCKS, DOMAIN
from custom_components.xiaomi_smart_lock.flows.sign_in import BROWSER_TIMEOUT
from custom_components.xiaomi_smart_lock.flows.sign_in_answer import find_answer
from custom_components.xiaomi_smart_lock.miot.oauth import SignIn
from simulator.faults import BUSY, PLAIN_TEXT
from simulator.tokens import CLIENT_ID
from tests.flow import (
    assert_account_entry,
    authorize_url,
    begin_account,
    choose,
    come_back,
    later,
    paste,
    sign_in,
    submit,
    suggested,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from tests.lock_driver import LockDriver

REFUSE = ""
LATE = "Home Assistant has stopped waiting for this sign-in."


async def begin_browser(hass: HomeAssistant) -> ConfigFlowResult:
    """Begin a sign-in from which the browser comes back by itself.

    A server that runs already takes no views any more, but only in tests.
    """
    assert await async_setup_component(hass, DOMAIN, {})
    return await begin_account(hass, "browser")


async def too_late(hass: HomeAssistant) -> None:
    """Let so much time pass that nobody waits for the browser any more."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=BROWSER_TIMEOUT + 1))
    await hass.async_block_till_done()


# The browser comes back


async def test_account_by_browser(
    hass: HomeAssistant, driver: LockDriver, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """The browser comes back to Home Assistant by itself, and the flow goes on."""
    result = await begin_browser(hass)
    assert result["type"] is FlowResultType.EXTERNAL_STEP
    location = await sign_in(driver, authorize_url(result))
    result = await come_back(hass, hass_client_no_auth, result, location, "window.close()")
    assert result["step_id"] == "locks"
    result = await submit(hass, result, {CONF_LOCKS: [driver.lock.did]})
    assert_account_entry(await later(hass, result), driver, driver.lock)
    assert not hass.data[webhook.DOMAIN]


@pytest.mark.usefixtures("driver")
async def test_user_gives_up(hass: HomeAssistant) -> None:
    """No door stays open for the browser."""
    result = await begin_account(hass, "browser")
    assert hass.data[webhook.DOMAIN]
    hass.config_entries.flow.async_abort(result["flow_id"])
    assert not hass.data[webhook.DOMAIN]


async def test_browser_is_late(
    hass: HomeAssistant, driver: LockDriver, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """It is awaited for minutes only; then what it ends on can be pasted, as its page says."""
    result = await begin_browser(hass)
    location = await sign_in(driver, authorize_url(result))
    await too_late(hass)
    result = await submit(hass, result)
    assert result["type"] is FlowResultType.MENU
    assert result["step_id"] == "not_back"
    assert result["menu_options"] == ["paste", "browser"]
    result = await come_back(hass, hass_client_no_auth, result, location, LATE)
    assert result["step_id"] == "not_back"
    result = await paste(hass, await choose(hass, result, "paste"), location)
    assert result["step_id"] == "locks"


async def test_browser_is_tried_again(
    hass: HomeAssistant, driver: LockDriver, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """Who was too slow has as much time once more."""
    result = await begin_browser(hass)
    await too_late(hass)
    result = await choose(hass, await submit(hass, result), "browser")
    location = await sign_in(driver, authorize_url(result))
    result = await come_back(hass, hass_client_no_auth, result, location)
    assert result["step_id"] == "locks"
    await too_late(hass)
    assert (await submit(hass, result))["step_id"] == "locks"


@pytest.mark.parametrize(
    ("method", "changes", "status"),
    [
        ("GET", {"code": None, "state": None}, 400),
        ("GET", {"state": None}, 400),
        ("GET", {"code": None}, 400),
        ("GET", {"state": "another"}, 400),
        ("GET", {"code": None, "error": "access_denied", "state": "another"}, 400),
        ("HEAD", {}, 200),
        ("POST", {}, 405),
    ],
)
async def test_somebody_looks_what_is_there(
    hass: HomeAssistant,
    driver: LockDriver,
    hass_client_no_auth: ClientSessionGenerator,
    method: str,
    changes: dict[str, str | None],
    status: int,
) -> None:
    """What is no answer to this sign-in is ignored, and the real one still works."""
    result = await begin_browser(hass)
    location = await sign_in(driver, authorize_url(result))
    query = {**location.query, **changes}
    browser = await hass_client_no_auth()
    page = await browser.request(
        method, location.path, params={name: text for name, text in query.items() if text}
    )
    assert page.status == status
    assert "Signed in" not in await page.text()
    assert (await submit(hass, result))["type"] is FlowResultType.EXTERNAL_STEP
    result = await come_back(hass, hass_client_no_auth, result, location)
    assert result["step_id"] == "locks"


async def test_dialog_is_closed_as_the_browser_comes_back(
    hass: HomeAssistant,
    driver: LockDriver,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page does not claim that anybody is signed in: nothing is left that goes on."""
    result = await begin_browser(hass)
    location = await sign_in(driver, authorize_url(result))
    browser = await hass_client_no_auth()
    exchange = SignIn.exchange

    async def closed_now(client: SignIn, path: str, code: str) -> Any:
        hass.config_entries.flow.async_abort(result["flow_id"])
        return await exchange(client, path, code)

    monkeypatch.setattr(SignIn, "exchange", closed_now)
    page = await browser.get(location.path_qs)
    assert page.status == 400
    assert "Signed in" not in await page.text()
    assert hass.config_entries.flow.async_progress() == []
    assert hass.config_entries.async_entries(DOMAIN) == []


async def test_page_is_loaded_again(
    hass: HomeAssistant, driver: LockDriver, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """It says the same, and the code is used once."""
    result = await begin_browser(hass)
    location = await sign_in(driver, authorize_url(result))
    for _ in range(2):
        result = await come_back(hass, hass_client_no_auth, result, location)
        assert result["step_id"] == "locks"


async def test_page_in_the_language_of_home_assistant(
    hass: HomeAssistant, driver: LockDriver, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """What is said on it is a translation like any other."""
    hass.config.language = "zh-Hans"
    result = await begin_browser(hass)
    location = await sign_in(driver, authorize_url(result))
    await come_back(hass, hass_client_no_auth, result, location, "可以关闭此窗口。")


async def refused(driver: LockDriver, url: URL) -> URL:
    """Refuse on the sign-in page."""
    return await sign_in(driver, url, REFUSE)


async def of_another_flow(driver: LockDriver, url: URL) -> URL:
    """Come back from the sign-in of another flow."""
    location = await sign_in(driver, url)
    return location.update_query(state="another")


async def without_state(driver: LockDriver, url: URL) -> URL:
    """Lose what says which sign-in it was."""
    location = await sign_in(driver, url)
    return location.with_query(code=location.query["code"])


async def used_before(driver: LockDriver, url: URL) -> URL:
    """Come back with a code that somebody used already."""
    location = await sign_in(driver, url)
    driver.simulator.cloud.tokens.exchange(
        {
            "client_id": CLIENT_ID,
            "redirect_uri": url.query["redirect_uri"],
            "device_id": url.query["device_id"],
            "code": location.query["code"],
        }
    )
    return location


async def out_of_reach(driver: LockDriver, url: URL) -> URL:
    """Come back to a Home Assistant that does not reach the cloud any more."""
    location = await sign_in(driver, url)
    driver.simulator.cloud.refuse_next(503, "get_token")
    return location


async def busy(driver: LockDriver, url: URL) -> URL:
    """Come back while the token service answers with an error code, which passes."""
    location = await sign_in(driver, url)
    driver.simulator.cloud.disturb_next(BUSY, "get_token")
    return location


async def plain_text(driver: LockDriver, url: URL) -> URL:
    """Come back while the token service answers with a text."""
    location = await sign_in(driver, url)
    driver.simulator.cloud.disturb_next(PLAIN_TEXT, "get_token")
    return location


async def the_sign_in_itself(_actor: LockDriver, url: URL) -> URL:
    """Bring where the sign-in begins instead of where it ends."""
    return url


@pytest.mark.parametrize(
    ("wrong_way", "reason", "said"),
    [
        (refused, "sign_in_refused", "The sign-in was refused."),
        (used_before, "code_not_accepted", "Xiaomi does not accept the code"),
        (out_of_reach, "cloud_out_of_reach", "Xiaomi&#x27;s cloud does not answer."),
        (busy, "cloud_out_of_reach", "Xiaomi&#x27;s cloud does not answer."),
        (plain_text, "cloud_out_of_reach", "Xiaomi&#x27;s cloud does not answer."),
    ],
)
async def test_browser_comes_back_wrong(
    hass: HomeAssistant,
    driver: LockDriver,
    hass_client_no_auth: ClientSessionGenerator,
    wrong_way: Callable[[LockDriver, URL], Awaitable[URL]],
    reason: str,
    said: str,
) -> None:
    """The flow ends and says why, and so does the page, which stays."""
    result = await begin_browser(hass)
    location = await wrong_way(driver, authorize_url(result))
    page = await (await hass_client_no_auth()).get(location.path_qs)
    text = await page.text()
    assert said in text
    assert "close" not in text
    result = await submit(hass, result)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == reason


# Which way comes first

HERE = "http://homeassistant.local:8123"


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    ("host", "listens_on", "setting", "first"),
    [
        ("homeassistant.local:8123", 8123, None, "browser"),
        ("HomeAssistant.local:8123", 80, None, "browser"),
        ("homeassistant.local", 80, None, "paste"),
        ("homeassistant.local", 80, HERE, "paste"),
        ("192.168.1.5:8123", 8123, None, "paste"),
        ("192.168.1.5:8123", 8123, HERE, "browser"),
        ("192.168.1.5:8123", 8123, "http://homeassistant.local", "paste"),
        ("192.168.1.5:8123", 8123, "https://homeassistant.local:8123", "paste"),
        ("192.168.1.5:8123", 8123, "http://homeassistant.local:81230", "paste"),
        ("door.example", 8123, "https://door.example", "paste"),
    ],
)
async def test_first_is_what_works(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    host: str,
    listens_on: int,
    setting: str | None,
    first: str,
) -> None:
    """The browser comes back by itself only to port 8123 of homeassistant.local."""
    for component in (config.DOMAIN, DOMAIN):
        assert await async_setup_component(hass, component, {})
    await hass.config.async_update(internal_url=setting)  # as stored by any version
    client = await hass_client()
    assert hass.config.api
    hass.config.api.port = listens_on

    async def go_on(path: str, data: dict[str, Any]) -> Any:
        url = f"/api/config/config_entries/flow{path}"
        return await (await client.post(url, json=data, headers={"Host": host})).json()

    flow = await go_on("", {"handler": DOMAIN})
    await go_on(f"/{flow['flow_id']}", {"next_step_id": "account"})
    menu = await go_on(f"/{flow['flow_id']}", {CONF_REGION: "cn"})
    assert menu["menu_options"] == (
        ["browser", "paste"] if first == "browser" else ["paste", "browser"]
    )
    placeholders = menu["description_placeholders"]
    assert (placeholders["redirect"], placeholders["port"]) == (HERE, ":8123")


@pytest.mark.usefixtures("driver")
async def test_nothing_is_known_of_the_server(hass: HomeAssistant) -> None:
    """Pasting always works."""
    hass.config.api = None
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    result = await submit(hass, await choose(hass, result, "account"), {CONF_REGION: "cn"})
    assert result["menu_options"] == ["paste", "browser"]


# What is pasted


@pytest.mark.parametrize(
    ("wrong_way", "reason"),
    [
        (refused, "sign_in_refused"),
        (of_another_flow, "state_mismatch"),
        (without_state, "no_code"),
        (the_sign_in_itself, "no_code"),
        (used_before, "code_not_accepted"),
        (out_of_reach, "cloud_out_of_reach"),
        (busy, "cloud_out_of_reach"),
        (plain_text, "cloud_out_of_reach"),
    ],
)
async def test_wrong_address_is_pasted(
    hass: HomeAssistant,
    driver: LockDriver,
    wrong_way: Callable[[LockDriver, URL], Awaitable[URL]],
    reason: str,
) -> None:
    """The form says why, and the same sign-in can still be done right."""
    result = await begin_account(hass, "paste")
    url = authorize_url(result)
    result = await paste(hass, result, await wrong_way(driver, url))
    assert result["errors"] == {"address": reason}
    assert authorize_url(result) == url
    result = await paste(hass, result, await sign_in(driver, url))
    assert result["step_id"] == "locks"


@pytest.mark.parametrize("garbage", ["hello", "http://[", "http://homeassistant.local:8123/", "?="])
async def test_garbage_is_pasted(hass: HomeAssistant, driver: LockDriver, garbage: str) -> None:
    """It costs nothing."""
    result = await begin_account(hass, "paste")
    result = await paste(hass, result, garbage)
    assert result["errors"] == {"address": "no_code"}
    assert suggested(result, "address") == garbage
    result = await paste(hass, result, await sign_in(driver, authorize_url(result)))
    assert result["step_id"] == "locks"


async def test_code_waits_for_the_cloud(hass: HomeAssistant, driver: LockDriver) -> None:
    """The same address can be pasted again when the cloud is back."""
    result = await begin_account(hass, "paste")
    location = await sign_in(driver, authorize_url(result))
    driver.simulator.cloud.online = False
    try:
        result = await paste(hass, result, location)
    finally:
        driver.simulator.cloud.online = True
    assert result["errors"] == {"address": "cloud_out_of_reach"}
    result = await paste(hass, result, location)
    assert result["step_id"] == "locks"


def broken(text: str, by: str) -> str:
    """Return a text that is broken within its code and within its state."""
    code, state = text.index("code=") + 9, text.index("state=") + 10
    first, second = sorted((code, state))
    return text[:first] + by + text[first:second] + by + text[second:]


def on_an_error_page(text: str) -> str:
    """Return an address as it stands on the browser's page for a page that does not load."""
    return f"This site can't be reached\n{text} refused to connect.\nERR_CONNECTION_REFUSED"


FORMS: list[Callable[[str], str]] = [
    lambda text: f"  {text}\r\n",
    lambda text: f'"{text}"',
    lambda text: f"“{text}”",
    lambda text: f"<{text}>.",
    lambda text: text.replace(":8123", ""),
    lambda text: text.replace("http://", ""),
    lambda text: text.partition("?")[2],
    lambda text: text[text.index("?") :],
    lambda text: text.replace("&", "&amp;"),
    lambda text: f"{text}#_=_",
    lambda text: quote(text, safe=""),
    lambda text: quote(quote(text, safe=""), safe=""),
    lambda text: f"https://example.org/?to={quote(text, safe='')}&from=there",
    lambda text: broken(text, "\n"),
    lambda text: broken(text, " \r\n  "),
    lambda text: broken(text, "\u200b"),
    lambda text: broken(text, "\u00ad\ufeff"),
    lambda text: quote(broken(text, "\n"), safe="\n"),
    on_an_error_page,
    lambda text: on_an_error_page(broken(text, "\n")),
    lambda text: f"无法访问此网站{text}。拒绝了我们的连接请求。",
    lambda text: "\n".join(text.partition("?")[2].split("&")),
    lambda text: json.dumps(dict(URL(text.strip()).query)),
    lambda text: "\n".join(f"{name}: {value}" for name, value in URL(text).query.items()),
    lambda text: ", ".join(f"{name} = '{value}'" for name, value in URL(text).query.items()),
    lambda text: "，".join(f"{name}：{value}" for name, value in URL(text).query.items()),
    lambda text: text.partition("?")[2].replace("code=", "Code=").replace("state=", "State="),
    lambda text: "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text),
]


@pytest.mark.parametrize("form", range(len(FORMS)))
async def test_pasted_in_any_form(hass: HomeAssistant, driver: LockDriver, form: int) -> None:
    """A code and a state are found in whatever they are in."""
    result = await begin_account(hass, "paste")
    location = await sign_in(driver, authorize_url(result))
    result = await paste(hass, result, FORMS[form](str(location)))
    assert not result.get("errors")
    assert result["step_id"] == "locks"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("code=C", {}),
        ("C", {}),
        ("state=S", {"state": "S"}),
        ("response_type=code&state=S", {"state": "S"}),
        ("code=C&state=other", {"code": "C", "state": "other"}),
        ("state=S&code=C refused to connect", {"state": "S", "code": "C"}),
        ("state=S&code=C%2FD%3D", {"state": "S", "code": "C/D="}),
        ("code=C&state=S&code=D&state=T", {"state": "S", "code": "C"}),
        ("error=access_denied&state=S", {"error": "access_denied", "state": "S"}),
        ("my_code=C&mystate=S", {}),
        ("Error: none. State: S, code: C", {"state": "S", "code": "C", "error": "none"}),
        ("state: S", {"state": "S"}),
        ("code=&state=", {}),
    ],
)
def test_what_is_found(text: str, found: dict[str, str]) -> None:
    """Nothing without a state, which protects from somebody else's code."""
    assert find_answer(text, "S") == found
