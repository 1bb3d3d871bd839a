"""The Mi Home app's doors, as a client that nobody here wrote sees them: micloud's."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import unpad
from micloud import MiCloud, miutils
from PIL import Image
from yarl import URL

from simulator.camera import MERGED_SECONDS, Camera, draw
from simulator.clock import Clock
from tests.simulator.peer import ToSimulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from simulator.device import Device
    from simulator.lock import Lock
    from simulator.simulator import Simulator

HISTORY = "https://api.io.mi.com/app/user/get_user_device_data"
EVENTS = "https://business.smartcamera.api.io.mi.com/common/app/get/eventlist"
PICTURE = "https://processor.smartcamera.api.io.mi.com/miot/camera/app/v1/img"
PLAYLIST = "https://business.smartcamera.api.io.mi.com/common/app/m3u8"
DAY = 86_400


@pytest.fixture
def lock(simulator: Simulator) -> Lock:
    """Return a lock of the account."""
    account = next(iter(simulator.cloud.accounts.values()))
    return simulator.add_lock(account)


@pytest.fixture
def peer(simulator: Simulator, lock: Lock, monkeypatch: pytest.MonkeyPatch) -> Iterator[MiCloud]:
    """Return micloud's client, signed in; its session reaches the simulator."""
    get_session = miutils.get_session

    def session() -> requests.Session:
        made: requests.Session = get_session()
        made.mount("https://", ToSimulator(simulator))
        return made

    monkeypatch.setattr("micloud.micloud.get_session", session)
    account = next(iter(simulator.cloud.accounts.values()))
    given = simulator.cloud.app_accounts.sign_in(account, "device")
    peer = MiCloud("user", "password")
    peer.user_id, peer.service_token = given["user_id"], given["service_token"]
    peer.ssecurity = given["ssecurity"]
    peer.cuser_id, peer.pass_token = given["cuser_id"], given["pass_token"]
    yield peer
    if peer.session:
        peer.session.close()


async def ask(peer: MiCloud, url: str, **payload: Any) -> dict[str, Any]:
    """Ask with micloud's own method."""
    params = {"data": json.dumps(payload)}
    said = await asyncio.to_thread(peer.request, url, params)
    answer: dict[str, Any] = json.loads(said)
    return answer


def signature(path: str, fields: dict[str, str], signed_nonce: str) -> str:
    """Sign a query as micloud does, which itself knows the paths of one of the hosts only."""
    text = "&".join(["GET", path, *(f"{k}={v}" for k, v in fields.items()), signed_nonce])
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()  # noqa: S324


def signed(peer: MiCloud, url: str, **payload: Any) -> tuple[str, dict[str, str]]:
    """Sign and encrypt a query with micloud's functions."""
    path = URL(url).path
    nonce = miutils.gen_nonce()
    signed_nonce = miutils.signed_nonce(peer.ssecurity, nonce)
    plain = {"data": json.dumps(payload)}
    plain["rc4_hash__"] = signature(path, plain, signed_nonce)
    fields = {name: miutils.encrypt_rc4(signed_nonce, value) for name, value in plain.items()}
    fields["signature"] = signature(path, fields, signed_nonce)
    return signed_nonce, {**fields, "ssecurity": peer.ssecurity, "_nonce": nonce}


async def get(peer: MiCloud, url: str, **payload: Any) -> tuple[str, requests.Response]:
    """Ask for something of the camera, in a session of micloud's."""
    signed_nonce, fields = signed(peer, url, **payload)
    peer._init_session(reset=True)
    peer.session.headers.update(
        {"X-XIAOMI-PROTOCAL-FLAG-CLI": "PROTOCAL-HTTP2", "MIOT-ENCRYPT-ALGORITHM": "ENCRYPT-RC4"}
    )
    peer.session.cookies.update(
        {
            "userId": peer.user_id,
            "yetAnotherServiceToken": peer.service_token,
            "serviceToken": peer.service_token,
            "locale": "zh_CN",
            "timezone": "GMT+08:00",
            "channel": "MI_APP_STORE",
        }
    )
    query = {**fields, "yetAnotherServiceToken": peer.service_token}
    response = await asyncio.to_thread(peer.session.get, url, params=query)
    return signed_nonce, response


async def fetch(peer: MiCloud, url: str, fields: dict[str, str]) -> requests.Response:
    """Ask as who plays a recording does: by the address alone."""
    query = {**fields, "yetAnotherServiceToken": peer.service_token}
    peer._init_session(reset=True)
    response: requests.Response = await asyncio.to_thread(peer.session.get, url, params=query)
    return response


async def history(peer: MiCloud, lock: Device, **changes: Any) -> dict[str, Any]:
    """Ask for lock events."""
    now = int(time.time())
    asked = {
        "did": lock.did,
        "type": "event",
        "key": "2.1020",
        "time_start": now - DAY,
        "time_end": now + DAY,
        "limit": 10,
    }
    return await ask(peer, HISTORY, **asked | changes)


# The history


@pytest.mark.parametrize(
    ("model", "event", "door"),
    [("lumi.lock.mcn002", "2.1020", "2.1021"), ("xiaomi.lock.d100e", "22.1", "20.1")],
)
async def test_the_history_of_another_model(
    simulator: Simulator, peer: MiCloud, model: str, event: str, door: str
) -> None:
    """Its events and its door's states are kept by its own specification's addresses."""
    account = next(iter(simulator.cloud.accounts.values()))
    other = simulator.add_lock(account, model=model)
    other.unlock("fingerprint")
    other.open_door()
    [past] = (await history(peer, other, key=event))["result"]
    arguments = [one.address[1] for one in other.spec.events[other.history[0].source].arguments]
    assert [one["piid"] for one in json.loads(past["value"])] == arguments
    newest, *_ = (await history(peer, other, type="prop", key=door))["result"]
    assert other.door_state
    assert json.loads(newest["value"]) == [other.values[other.door_state]]
    assert (await history(peer, other, key="7.1006"))["result"] == []


async def test_no_camera_without_a_camera(simulator: Simulator, peer: MiCloud) -> None:
    """Where one is, it sees who rings."""
    account = next(iter(simulator.cloud.accounts.values()))
    without = simulator.add_lock(account, model="loock.lock.r2")
    other = simulator.add_lock(account, model="lumi.lock.mcn002")
    for one in (without, other):
        one.ring()
    assert (await seen(peer, without))["code"] != 0
    now = int(time.time() * 1000) + 1000
    data = (await seen(peer, other, endTime=now))["data"]
    assert [unit["eventType"] for unit in data["thirdPartPlayUnits"]] == ["Bell"]
    week = 7 * DAY * 1000
    assert (data["isContinue"], data["nextTime"]) == (True, now - week)
    data = (await seen(peer, other, endTime=now - week))["data"]
    assert data == {"thirdPartPlayUnits": [], "isContinue": True, "nextTime": now - 2 * week}


async def test_micloud_reads_the_history(peer: MiCloud, lock: Lock) -> None:
    """The newest first; a value is JSON text."""
    lock.fingerprint(3)
    lock.fingerprint(4)
    answer = await history(peer, lock)
    assert answer["code"] == 0
    newest, oldest = answer["result"]
    assert (newest["key"], newest["type"]) == ("2.1020", "event")
    values = [
        {item["piid"]: item["value"] for item in json.loads(row["value"])}
        for row in (newest, oldest)
    ]
    assert [list(value.values())[:4] for value in values] == [[2, 2, 2, 4], [2, 2, 2, 3]]
    limited = await history(peer, lock, limit=1)
    assert limited["result"] == [newest]
    assert (await history(peer, lock, time_end=newest["time"] - 1))["result"] == []
    assert (await history(peer, lock, time_start=newest["time"] + 1))["result"] == []


async def test_how_much_a_page_holds(simulator: Simulator, peer: MiCloud, lock: Lock) -> None:
    """Less than was asked for, and nothing may be null."""
    simulator.cloud.app.longest_page = 2
    simulator.cloud.app.nothing_is_null = True
    assert (await history(peer, lock))["result"] is None
    for number in range(3):
        lock.fingerprint(number)
    assert len((await history(peer, lock))["result"]) == 2


async def test_bare_values(simulator: Simulator, peer: MiCloud, lock: Lock) -> None:
    """The other shape of a value."""
    simulator.cloud.app.bare_values = True
    lock.fingerprint(3)
    [row] = (await history(peer, lock))["result"]
    assert json.loads(row["value"])[:4] == [2, 2, 2, 3]


async def test_properties_have_a_history_too(peer: MiCloud, lock: Lock) -> None:
    """The door's state."""
    lock.open_door()
    [row] = (await history(peer, lock, type="prop", key="3.1021"))["result"]
    assert json.loads(row["value"]) == [3]
    assert (await history(peer, lock, type="event", key="3.1021"))["result"] == []


@pytest.mark.parametrize(
    "change", [{"type": "other"}, {"key": "2"}, {"limit": "many"}, {"time_end": None}]
)
async def test_questions_that_make_no_sense(
    peer: MiCloud, lock: Lock, change: dict[str, Any]
) -> None:
    """They are refused."""
    assert (await history(peer, lock, **change))["code"] != 0


async def test_locks_of_others(simulator: Simulator, peer: MiCloud) -> None:
    """Nothing is told of them."""
    other = simulator.add_lock(simulator.add_account("Mei"))
    assert (await history(peer, other))["code"] == -704010000


# Who is let in


def wrong_token(peer: MiCloud) -> None:
    """Invent a token."""
    peer.service_token = "invented"


def wrong_user(peer: MiCloud) -> None:
    """Say to be another."""
    peer.user_id = "1"


def wrong_secret(peer: MiCloud) -> None:
    """Sign with another secret."""
    peer.ssecurity = base64.b64encode(bytes(16)).decode()


@pytest.mark.parametrize(
    ("mistake", "code"), [(wrong_token, 3), (wrong_user, 3), (wrong_secret, 2)]
)
async def test_who_is_refused(
    simulator: Simulator,
    peer: MiCloud,
    lock: Lock,
    monkeypatch: pytest.MonkeyPatch,
    mistake: Callable[[MiCloud], None],
    code: int,
) -> None:
    """They are told so in the clear: micloud cannot decrypt it."""
    mistake(peer)
    said: list[str] = []

    def noted(_password: str, payload: str) -> bytes:
        said.append(payload)
        return b"{}"

    monkeypatch.setattr(miutils, "decrypt_rc4", noted)
    await history(peer, lock)
    assert json.loads(said[0])["code"] == code


async def test_sessions_that_ended(simulator: Simulator, peer: MiCloud, lock: Lock) -> None:
    """Those who have one are told why."""
    simulator.cloud.app_accounts.expire_service_tokens()
    _, response = await get(peer, EVENTS, did=lock.did)
    assert response.json() == {"code": 3, "message": "SERVICETOKEN_EXPIRED"}


@pytest.mark.parametrize("status", [401, 426])
async def test_the_status_of_sessions_that_ended(
    simulator: Simulator, peer: MiCloud, lock: Lock, status: int
) -> None:
    """It may be another than that of an answer."""
    simulator.cloud.app.expired_status = status
    simulator.cloud.app_accounts.expire_service_tokens()
    _, response = await get(peer, EVENTS, did=lock.did)
    assert response.status_code == status
    assert response.json()["message"] == "SERVICETOKEN_EXPIRED"


async def test_sessions_have_a_lifetime(simulator: Simulator, lock: Lock) -> None:
    """One of no length has none."""
    accounts = simulator.cloud.app_accounts
    accounts.service_token_seconds = 0
    account = next(iter(simulator.cloud.accounts.values()))
    assert accounts.grant(accounts.sign_in(account, "device")["service_token"]) is None


@pytest.mark.parametrize(
    "change",
    [
        {"_nonce": "?"},
        {"_nonce": base64.b64encode(bytes(12)).decode()},
        {"_nonce": base64.b64encode(bytes(11)).decode()},
        {"signature": "AAAA"},
        {"data": "AAAA"},
        {"rc4_hash__": "AAAA"},
    ],
)
async def test_requests_that_were_changed_on_their_way(
    simulator: Simulator, peer: MiCloud, lock: Lock, change: dict[str, str]
) -> None:
    """They are refused."""
    _, fields = signed(peer, PICTURE, did=lock.did)
    response = await fetch(peer, PICTURE, {**fields, **change})
    assert response.json()["code"] == 2


@pytest.mark.parametrize("payload", ["[]", "?", '{"did": 5}'])
async def test_what_is_signed_has_to_make_sense(
    peer: MiCloud, lock: Lock, payload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that names a lock."""
    with monkeypatch.context() as patch:
        patch.setattr(json, "dumps", lambda _payload: payload)
        key, fields = signed(peer, PICTURE)
    response = await fetch(peer, PICTURE, fields)
    clear = response.text.startswith("{")
    plain = response.text if clear else miutils.decrypt_rc4(key, response.text)
    assert json.loads(plain)["code"] < 0 or clear


async def test_what_is_encrypted_is_signed_too(peer: MiCloud, lock: Lock) -> None:
    """Before it is encrypted, as after."""
    key, fields = signed(peer, PICTURE, did=lock.did)
    inner = {"data": fields["data"], "rc4_hash__": miutils.encrypt_rc4(key, "AAAA")}
    fields |= {**inner, "signature": signature(URL(PICTURE).path, inner, key)}
    response = await fetch(peer, PICTURE, fields)
    assert response.json() == {"code": 2, "message": "invalid signature"}


async def test_requests_work_once(peer: MiCloud, lock: Lock) -> None:
    """Who overheard one cannot repeat it."""
    _, fields = signed(peer, PICTURE, did=lock.did)
    first = await fetch(peer, PICTURE, fields)
    assert not first.text.startswith("{")
    second = await fetch(peer, PICTURE, fields)
    assert second.json() == {"code": 2, "message": "invalid nonce"}


# The camera


async def seen(peer: MiCloud, lock: Device, **changes: Any) -> dict[str, Any]:
    """Ask what the camera saw."""
    asked = {
        "did": lock.did,
        "model": lock.model,
        "doorBell": True,
        "eventType": "Default",
        "needMerge": True,
        "sortType": "DESC",
        "region": "CN",
        "language": "zh_CN",
        "beginTime": 0,
        "endTime": 2**50,
        "limit": 10,
    }
    key, response = await get(peer, EVENTS, **asked | changes)
    answer: dict[str, Any] = json.loads(miutils.decrypt_rc4(key, response.text))
    return answer


async def test_lists_go_on(peer: MiCloud, lock: Lock) -> None:
    """They say so, and from where; the last answer may repeat it, with nothing in it."""
    lock.camera.longest_page = 1
    for kind in ("Bell", "Stay"):
        lock.camera.see(kind).created -= 60_000
    data = (await seen(peer, lock))["data"]
    [unit] = data["thirdPartPlayUnits"]
    assert (data["isContinue"], data["nextTime"]) == (True, unit["createTime"])
    data = (await seen(peer, lock, endTime=unit["createTime"] - 1))["data"]
    assert data["isContinue"] is False
    lock.camera.searched_ms = 1000
    for begin, following in ((0, 49_000), (50_000, 50_000)):
        data = (await seen(peer, lock, beginTime=begin, endTime=50_000))["data"]
        assert data == {"thirdPartPlayUnits": [], "isContinue": True, "nextTime": following}


@pytest.mark.parametrize("status", [401, 403])
async def test_cameras_of_friends(
    simulator: Simulator, peer: MiCloud, lock: Lock, status: int
) -> None:
    """They may be for their owner alone, unlike what happened there, and unlike own ones."""
    account = next(iter(simulator.cloud.accounts.values()))
    friends = simulator.add_lock(account, shared=True)
    lock.camera.shared_status = friends.camera.shared_status = status
    for url in (EVENTS, PICTURE, PLAYLIST):
        _, response = await get(peer, url, did=friends.did)
        assert response.status_code == status
    assert (await history(peer, friends))["code"] == 0
    assert (await seen(peer, lock))["code"] == 0


async def test_a_bell_with_its_picture(peer: MiCloud, lock: Lock) -> None:
    """The frame is AES under the session's secret and the iv that was asked for."""
    lock.camera.upload_seconds = 0
    lock.ring()
    [unit] = (await seen(peer, lock))["data"]["thirdPartPlayUnits"]
    assert unit["eventType"] == "Bell"
    [detail] = unit["eventTypeDetail"]
    iv = bytes(range(16))
    asked = {
        "did": lock.did,
        "fileId": unit["fileId"],
        "stoId": detail["imgStoreId"],
        "segmentIv": base64.b64encode(iv).decode(),
    }
    _, response = await get(peer, PICTURE, **asked)
    aes = AES.new(base64.b64decode(peer.ssecurity), AES.MODE_CBC, iv)
    jpeg = unpad(aes.decrypt(response.content), 16)
    with Image.open(BytesIO(jpeg)) as image:
        image.load()
        assert image.format == "JPEG"


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"doorBell": "true"},
        {"region": "cn"},
        {"language": ""},
        {"beginTime": "x"},
    ],
)
async def test_wrong_questions_to_the_camera(
    peer: MiCloud, lock: Lock, change: dict[str, Any]
) -> None:
    """They are refused."""
    assert (await seen(peer, lock, **change))["code"] != 0


@pytest.mark.parametrize(("container", "version"), [("mp4", 7), ("ts", 3)])
async def test_a_recording_plays(peer: MiCloud, lock: Lock, container: str, version: int) -> None:
    """HLS with AES-128, as RFC 8216 has it; parts that are MP4 are files of their own."""
    lock.ring()
    lock.camera.container = container
    asked = {
        "did": lock.did,
        "model": lock.model,
        "fileId": lock.camera.sights[0].file_id,
        "isAlarm": False,
        "videoCodec": "H265",
    }
    _, response = await get(peer, PLAYLIST, **asked)
    lines = response.text.splitlines()
    assert lines[0] == "#EXTM3U"
    [key_line] = [line for line in lines if line.startswith("#EXT-X-KEY")]
    key_url, iv = key_line.split('"')[1], bytes.fromhex(key_line.rpartition("0x")[2])
    key = (await asyncio.to_thread(peer.session.get, key_url)).content
    urls = [line for line in lines if line.startswith("https")]
    parts = [
        unpad(
            AES.new(key, AES.MODE_CBC, iv).decrypt(
                (await asyncio.to_thread(peer.session.get, url)).content
            ),
            16,
        )
        for url in urls
    ]
    assert parts == lock.camera.recording(lock.camera.sights[0], "H265", lock.time_zone)
    assert all(urlsplit(url).path.endswith(f"/file.{container}") for url in urls)
    assert f"#EXT-X-VERSION:{version}" in lines
    assert lines.count("#EXT-X-DISCONTINUITY") == (len(urls) if container == "mp4" else 0)
    assert not (await asyncio.to_thread(peer.session.get, urls[0].partition("?")[0])).ok
    for wrong in (key_url.replace("/key", "x/key"), urls[0].replace("/0/", "/9/")):
        assert not (await asyncio.to_thread(peer.session.get, wrong)).ok


@pytest.mark.parametrize(("codecs", "given"), [(("H265",), False), (("H265", "H264"), True)])
async def test_a_codec_that_the_service_may_not_give(
    peer: MiCloud, lock: Lock, codecs: tuple[str, ...], given: bool
) -> None:
    """Another codec is refused unless the service has it."""
    lock.ring()
    lock.camera.codecs = codecs
    asked = {
        "did": lock.did,
        "model": lock.model,
        "fileId": lock.camera.sights[0].file_id,
        "isAlarm": False,
        "videoCodec": "H264",
    }
    _, response = await get(peer, PLAYLIST, **asked)
    assert response.text.startswith("#EXTM3U") == given


def test_the_camera_merges_what_belongs_together() -> None:
    """Within a while, and not the same twice."""
    clock = Clock(0)
    camera = Camera(clock)
    first = camera.see("Stay")
    assert camera.see("Bell") is first
    assert camera.see("Bell") is not first
    clock.advance(MERGED_SECONDS + 1)
    last = camera.see("Stay")
    assert [unit["eventType"] for unit in camera.listed(0, 2**50, 2)["thirdPartPlayUnits"]] == [
        "Stay",
        "Bell",
    ]
    assert camera.sight(last.file_id) is last


def test_pictures_take_a_while() -> None:
    """And may never come."""
    clock = Clock(0)
    camera = Camera(clock)

    def picture() -> bytes | None:
        sight = camera.sights[-1]
        return camera.picture(sight.file_id, sight.frames["Bell"].store_id)

    camera.see("Bell")
    assert picture() is None
    clock.advance(camera.upload_seconds)
    assert picture()
    camera.keeps_pictures = False
    camera.see("Bell")
    clock.advance(DAY)
    assert picture() is None
    assert camera.picture("1", "2") is None


def test_the_time_is_in_the_picture() -> None:
    """Another second looks different."""
    assert draw("2026-11-24 08:12:00", "Bell") != draw("2026-11-24 08:12:01", "Bell")
