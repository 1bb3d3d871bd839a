"""Signing in by a code that is scanned with the Mi Home app."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from custom_components.xiaomi_smart_lock.miot.app import login as app_login
from custom_components.xiaomi_smart_lock.miot.app.client import AppClient
from custom_components.xiaomi_smart_lock.miot.app.login import (
    AppLogin,
    NoSessionError,
    QrCode,
    SessionData,
)
from custom_components.xiaomi_smart_lock.miot.endpoints import Endpoints
from custom_components.xiaomi_smart_lock.miot.errors import (
    CannotConnectError,
    MiotError,
    NotConfirmedError,
    NotSignedInError,
    SignInExpiredError,
    SignInRefusedError,
)
from simulator.faults import page, spoilt, status
from simulator.model import SPEC
from tests.lock_driver import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from simulator.faults import Fault

    from .app import App
    from .conftest import Liar

KEY = base64.b64encode(bytes(16)).decode()


@pytest.fixture
async def plain() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session that keeps no cookies."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


@pytest.fixture(autouse=True)
def _short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_login, "POLL_PAUSE", 0.01)


async def test_scanned_and_confirmed(app: App) -> None:
    """The account's owner is known, and the session works."""
    code = await app.login.begin()
    task = await app.waiting(code)
    app.phone("scan", code)
    app.phone("confirm", code, app.driver.account)
    data = await task
    assert data.user_id == app.driver.account.user_id
    assert data.device_id == app.login.device_id
    assert (
        await app.as_client(data).history(app.did, SPEC.events[2, 1020], 0, 2**31)
    ).entries == ()
    assert app.renewed == []


async def test_what_is_asked(app: App) -> None:
    """As public clients do; the long poll is asked as it was named."""
    code = await app.login.begin()
    begun = app.cloud.requests[-2:]
    assert begun[0] == ("/pass/serviceLogin", {"_json": "true", "sid": "xiaomiio"})
    path, query = begun[1]
    assert path == "/longPolling/loginUrl"
    assert query["sid"] == "xiaomiio"
    assert query.keys() >= {"callback", "_sign", "qs"}
    moment = int(query.pop("_dc")) / 1000
    assert abs(moment - time.time()) < 60
    told = ("theme", "bizDeviceType", "_hasLogo", "_qrsize")
    assert [query[name] for name in told] == ["", "", "false", "240"]
    assert code.login_url.startswith(app.cloud.url)


async def test_each_client_has_an_id_of_its_own(app: App) -> None:
    """By which the account knows it again."""
    other = AppLogin(app.session, app.tls, app.endpoints)
    assert other.device_id != app.login.device_id
    assert AppLogin(app.session, app.tls, app.endpoints, "mine").device_id == "mine"


async def test_the_service_holds_questions_for_a_while_only(app: App) -> None:
    """Then it is asked again."""
    app.cloud.app_accounts.hold_seconds = 0.01
    try:
        code = await app.login.begin()
        task = await app.waiting(code)
        ticket = code.poll_url.rpartition("/")[2]
        await until(lambda: sum(ticket in path for path, _ in app.cloud.requests) >= 3)
        app.phone("confirm", code, app.driver.account)
        assert (await task).user_id == app.driver.account.user_id
    finally:
        app.cloud.app_accounts.hold_seconds = 25


async def test_refused_on_the_phone(app: App) -> None:
    """It is told by the service's code."""
    code = await app.login.begin()
    task = await app.waiting(code)
    app.phone("refuse", code)
    with pytest.raises(SignInRefusedError) as raised:
        await task
    assert raised.value.code == 70016


async def test_code_that_the_service_calls_too_old(app: App) -> None:
    """Nobody asks for it again."""
    code = await app.login.begin()
    task = await app.waiting(code)
    app.phone("expire", code)
    with pytest.raises(SignInExpiredError):
        await task


async def test_code_that_nobody_scans(app: App) -> None:
    """The wait ends by itself, whatever the service does."""
    code = replace(await app.login.begin(), expires=time.monotonic() + 0.1)
    with pytest.raises(SignInExpiredError):
        await app.login.wait(code)


async def test_code_is_valid_as_long_as_the_service_says(app: App) -> None:
    """But never for ever."""
    code = await app.login.begin()
    assert 290 < code.expires - time.monotonic() <= 300
    app.cloud.disturb_next(_saying(timeout=10**9), "loginUrl")
    code = await app.login.begin()
    assert 590 < code.expires - time.monotonic() <= 600


async def test_questions_that_get_lost(app: App) -> None:
    """Some are forgiven, a service that is gone is not waited for."""
    code = await app.login.begin()
    app.cloud.disturb_next(status(502), "/lp/", times=2)
    task = await app.waiting(code)
    app.phone("confirm", code, app.driver.account)
    await task
    code = await app.login.begin()
    app.cloud.disturb_next(status(502), "/lp/", times=3)
    with pytest.raises(CannotConnectError):
        await app.login.wait(code)


# Renewing


async def test_renewing(app: App) -> None:
    """The old session's pass token gives a new session; the device stays the same."""
    new = await app.login.renew(app.data)
    assert new.user_id == app.data.user_id
    assert new.device_id == app.data.device_id
    assert new.ssecurity != app.data.ssecurity
    assert new.service_token != app.data.service_token
    await app.as_client(new).history(app.did, SPEC.events[2, 1020], 0, 2**31)
    assert app.renewed == []


async def test_what_the_service_does_not_say_again_is_kept(app: App) -> None:
    """It may name the secrets that are new alone."""

    def scant(answer: dict[str, Any]) -> dict[str, Any]:
        return {key: answer[key] for key in ("code", "ssecurity", "location")}

    app.cloud.disturb_next(_with_prefix(scant), "serviceLogin")
    new = await app.login.renew(app.data)
    assert new == replace(app.data, ssecurity=new.ssecurity, service_token=new.service_token)


async def test_sessions_that_ended_cannot_be_renewed(app: App) -> None:
    """The user has to sign in again."""
    app.driver.simulation.call(app.cloud.app_accounts.revoke, app.driver.account)
    with pytest.raises(NotSignedInError):
        await app.login.renew(app.data)


async def test_another_device_cannot_renew(app: App) -> None:
    """The pass token is bound to the device id."""
    other = AppLogin(app.session, app.tls, app.endpoints, "another")
    with pytest.raises(NotSignedInError):
        await other.renew(app.data)


async def test_services_that_are_down_end_no_session(app: App) -> None:
    """That is another error than being signed out, or than an answer that is no session."""
    app.cloud.disturb_next(status(502), "serviceLogin")
    with pytest.raises(CannotConnectError) as raised:
        await app.login.renew(app.data)
    assert not isinstance(raised.value, NoSessionError)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(page, id="HTML"),
        pytest.param(status(403), id="403"),
        pytest.param(status(302, Location="https://evil.example/"), id="elsewhere"),
        pytest.param(status(302, Location="http://account.xiaomi.com/"), id="not encrypted"),
        pytest.param(status(302, Location="https://["), id="no address"),
    ],
)
async def test_answers_that_are_no_session(app: App, fault: Fault) -> None:
    """They are told apart from a refusal: they may pass."""
    app.cloud.disturb_next(fault, "serviceLogin")
    with pytest.raises(NoSessionError):
        await app.login.renew(app.data)


async def test_sign_ins_that_are_to_be_confirmed(app: App) -> None:
    """Code 0 alone is no success; where the user can confirm is kept, and in no text."""
    app.driver.simulation.call(app.cloud.app_accounts.unconfirmed.add, app.driver.account)
    with pytest.raises(NotConfirmedError) as raised:
        await app.login.renew(app.data)
    url = raised.value.url
    assert url
    assert url.startswith(f"{app.cloud.url}/identity/")
    assert url not in f"{raised.value!s}{raised.value!r}"
    async with app.session.get(url, ssl=app.tls) as response:
        assert response.status == 200
    assert await app.login.renew(app.data)


# What is kept


def test_storage() -> None:
    """What was kept can be taken up again, and no secret is in what is printed."""
    data = SessionData("1", "two", "three", KEY, "five", "six")
    assert SessionData(**json.loads(json.dumps(data.as_dict()))) == data
    assert repr(data) == "SessionData(user_id='1')"
    shown = repr(QrCode("https://a", "https://b", 1.0))
    assert shown == "QrCode(expires=1.0)"


async def test_no_cookies_stay(app: App) -> None:
    """The next account must not be taken for this one."""
    code = await app.login.begin()
    task = await app.waiting(code)
    app.phone("confirm", code, app.driver.account)
    await task
    assert not list(app.session.cookie_jar)


# Answers that make no sense

BEGUN = {"location": "https://account.xiaomi.com/fe?sid=xiaomiio"}
SHOWN = {
    "code": 0,
    "loginUrl": "https://account.xiaomi.com/qr",
    "lp": "https://c3.lp.account.xiaomi.com/lp/1",
    "timeout": 300,
}
CONFIRMED = {
    "code": 0,
    "userId": 1,
    "cUserId": "two",
    "passToken": "three",
    "ssecurity": KEY,
    "location": "LIAR/sts",
}


def login(session: aiohttp.ClientSession, liar: Liar) -> AppLogin:
    """Return a client that signs in at a service that lies."""
    return AppLogin(session, liar.tls, Endpoints(account=liar.url))


@pytest.mark.parametrize(
    "answers",
    [
        [{}],
        [{"location": 5}],
        [{"location": "nowhere"}],
        [{"location": "https://evil.example/fe"}],
        [BEGUN, {}],
        [BEGUN, {**SHOWN, "code": 5}],
        [BEGUN, {**SHOWN, "timeout": 0}],
        [BEGUN, {**SHOWN, "timeout": "300"}],
        [BEGUN, {**SHOWN, "lp": "http://c3.lp.account.xiaomi.com/lp/1"}],
        [BEGUN, {**SHOWN, "lp": "https://c3.lp.account.xiaomi.com.evil.example/lp/1"}],
        [BEGUN, {**SHOWN, "loginUrl": "https://notxiaomi.com/"}],
        [BEGUN, {**SHOWN, "loginUrl": "https://account.xiaomi.com/" + "x" * 10_000}],
        [BEGUN, web.Response(text="&&&START&&&[]")],
    ],
)
async def test_codes_that_make_no_sense(
    session: aiohttp.ClientSession, liar: Liar, answers: list[object]
) -> None:
    """They are not shown."""
    liar.answers = answers
    with pytest.raises(CannotConnectError):
        await login(session, liar).begin()
    assert liar.answers == []


async def test_code_of_the_real_service(session: aiohttp.ClientSession, liar: Liar) -> None:
    """Its long poll has a host of its own."""
    liar.answers = [BEGUN, SHOWN]
    code = await login(session, liar).begin()
    assert (code.login_url, code.poll_url) == (SHOWN["loginUrl"], SHOWN["lp"])


async def test_who_asks(plain: aiohttp.ClientSession, liar: Liar) -> None:
    """The client has the same name everywhere, and cookies go as they are, where they belong."""
    liar.answers = [
        {"code": 0, "ssecurity": KEY, "location": f"{liar.url}/sts"},
        _token("five"),
        {"code": 0, "result": []},
    ]
    known = SessionData("1", "two", "three/+==", KEY, "four", "seven")
    client = AppLogin(plain, liar.tls, Endpoints(account=liar.url), "seven")
    data = await client.renew(known)
    api = Endpoints(account=liar.url, app_api=f"{liar.url}/app")
    app = AppClient(plain, liar.tls, api, "cn", data, lambda _data: None)
    await app.history("1", SPEC.events[2, 1020], 0, 9)
    assert {headers["User-Agent"] for headers in liar.headers} == {
        "Android-7.1.1-1.0.0-ONEPLUS A3010-136-seven APP/xiaomi.smarthome APPV/62830"
    }
    assert [headers.get("Cookie") for headers in liar.headers] == [
        "userId=1; cUserId=two; passToken=three/+==; deviceId=seven",
        None,
        (
            "userId=1; yetAnotherServiceToken=five; serviceToken=five; "
            "locale=zh_CN; timezone=GMT+08:00; channel=MI_APP_STORE"
        ),
    ]
    asked = liar.headers[2]
    assert asked["MIOT-ENCRYPT-ALGORITHM"] == "ENCRYPT-RC4"
    assert asked["X-XIAOMI-PROTOCAL-FLAG-CLI"] == "PROTOCAL-HTTP2"


def _token(value: str, status: int = 200) -> web.Response:
    """Return the last answer of a sign-in."""
    header = {"Set-Cookie": f"serviceToken={value}; Path=/"}
    return web.Response(status=status, text="ok", headers=header)


@pytest.mark.parametrize(
    ("change", "last"),
    [
        ({"userId": None}, _token("five")),
        ({"userId": "1; admin=1"}, _token("five")),
        ({"passToken": ""}, _token("five")),
        ({"cUserId": "a b"}, _token("five")),
        ({"ssecurity": "AAAA"}, _token("five")),
        ({"ssecurity": "?"}, _token("five")),
        ({"ssecurity": 5}, _token("five")),
        ({"location": None}, None),
        ({"location": "https://evil.example/"}, None),
        ({"location": "https://1.mi.com:444/"}, None),
        ({"location": "https://me@sts.api.io.mi.com/"}, None),
        ({}, web.Response(text="ok")),
        ({}, _token("five", 403)),
    ],
)
async def test_sessions_that_make_no_sense(
    session: aiohttp.ClientSession,
    liar: Liar,
    change: dict[str, object],
    last: web.Response | None,
) -> None:
    """They are none."""
    said = {**CONFIRMED, "location": f"{liar.url}/sts", **change}
    liar.answers = [said, last] if last else [said]
    code = QrCode("", f"{liar.url}/lp", time.monotonic() + PATIENCE)
    with pytest.raises(CannotConnectError):
        await login(session, liar).wait(code)
    assert liar.answers == []


@pytest.mark.parametrize(
    "url",
    ["http://account.xiaomi.com/", "https://evil.example/", "https://a@account.xiaomi.com/", 5],
)
async def test_where_to_confirm_is_the_service_s(
    session: aiohttp.ClientSession, liar: Liar, url: object
) -> None:
    """No other address is shown to anybody."""
    liar.answers = [{"code": 0, "location": "", "notificationUrl": url}]
    client = login(session, liar)
    with pytest.raises(NotConfirmedError) as raised:
        await client.renew(SessionData("1", "two", "three", KEY, "five", client.device_id))
    assert raised.value.url is None


@pytest.mark.parametrize("said", [{"code": 0}, {"code": 0, "location": ""}, {}, {"code": "0"}])
async def test_successes_that_are_none(
    session: aiohttp.ClientSession, liar: Liar, said: dict[str, object]
) -> None:
    """They say neither what is wanted nor that the session has ended."""
    liar.answers = [said]
    client = login(session, liar)
    with pytest.raises(NoSessionError):
        await client.renew(SessionData("1", "two", "three", KEY, "five", client.device_id))


async def test_cookies_do_not_follow_redirects(session: aiohttp.ClientSession, liar: Liar) -> None:
    """They open the account; and there is an end to redirects."""
    there = {"Location": "/again"}
    liar.answers = [web.Response(status=302, headers=there) for _ in range(5)]
    client = login(session, liar)
    with pytest.raises(NoSessionError, match="from one address to another"):
        await client.renew(SessionData("1", "two", "three", KEY, "five", client.device_id))
    first, *others = [headers.get("Cookie") for headers in liar.headers]
    assert first
    assert "passToken=three" in first
    assert others == [None] * 4


@pytest.mark.parametrize("token", ["five", "a/b+c==", "V1:x.y_z-~"])
async def test_tokens_are_kept_as_they_are(
    session: aiohttp.ClientSession, liar: Liar, token: str
) -> None:
    """Also where the answer redirects once more."""
    there = web.Response(status=302, headers={**_token(token).headers, "Location": liar.url})
    said = {**CONFIRMED, "location": f"{liar.url}/sts"}
    liar.answers = [said, there, web.Response(text="ok")]
    code = QrCode("", f"{liar.url}/lp", time.monotonic() + PATIENCE)
    data = await login(session, liar).wait(code)
    assert data == SessionData("1", "two", "three", KEY, token, data.device_id)


async def test_answers_without_a_code_are_waited_out(
    session: aiohttp.ClientSession, liar: Liar
) -> None:
    """Whatever they are."""
    liar.answers = [{}, {"code": "0"}, {"code": 700}, {"code": 701}, {"code": 702}]
    code = QrCode("", f"{liar.url}/lp", time.monotonic() + PATIENCE)
    with pytest.raises(SignInExpiredError):
        await login(session, liar).wait(code)
    assert liar.answers == []


async def test_lost_questions_count_in_a_row(session: aiohttp.ClientSession, liar: Liar) -> None:
    """An answer between them is a sign of life."""
    lost = [web.Response(status=502) for _ in range(4)]
    liar.answers = [*lost[:2], {"code": 700}, *lost[2:], {"code": 702}]
    code = QrCode("", f"{liar.url}/lp", time.monotonic() + PATIENCE)
    with pytest.raises(SignInExpiredError):
        await login(session, liar).wait(code)
    assert liar.answers == []


def test_errors_are_of_this_package() -> None:
    """Who catches the base catches all."""
    assert issubclass(SignInExpiredError, MiotError)
    assert issubclass(SignInRefusedError, MiotError)


def _saying(**facts: object) -> Any:
    """Return a fault: the service says something else."""
    return _with_prefix(lambda answer: {**answer, **facts})


def _with_prefix(change: Any) -> Any:
    """Return a fault: another answer, behind the prefix."""
    prefix = b"&&&START&&&"
    return spoilt(
        lambda body: prefix + json.dumps(change(json.loads(body.removeprefix(prefix)))).encode()
    )
