"""The app's interface beside history and camera: signed in with a password, as micloud does."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from micloud import MiCloud, miutils
from micloud.micloudexception import MiCloudAccessDenied

from simulator.app_home import KEPT, USER_LIST, user_list
from tests.simulator.peer import ToSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from simulator.account import Account
    from simulator.lock import Lock
    from simulator.simulator import Simulator

    from .client import Client

APP = "https://api.io.mi.com/app"
CENTRAL = "/app/v2/ha/oauth/get_central_crt"


@pytest.fixture
def account(simulator: Simulator) -> Account:
    """Return the account."""
    return next(iter(simulator.cloud.accounts.values()))


@pytest.fixture
def lock(simulator: Simulator, account: Account) -> Lock:
    """Return a lock of the account."""
    return simulator.add_lock(account)


@pytest.fixture
def peer(
    simulator: Simulator, account: Account, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MiCloud]:
    """Return micloud's client, which knows the password; its session reaches the simulator."""
    get_session = miutils.get_session

    def session() -> requests.Session:
        made: requests.Session = get_session()
        made.mount("https://", ToSimulator(simulator))
        return made

    monkeypatch.setattr("micloud.micloud.get_session", session)
    peer = MiCloud(account.user_id, account.password)
    yield peer
    if peer.session:
        peer.session.close()


async def say(peer: MiCloud, path: str, *items: Any, **payload: Any) -> dict[str, Any]:
    """Ask with micloud's own method: for an object, or for a list of items."""
    if peer.service_token is None:
        assert await asyncio.to_thread(peer.login)
    params = {"data": json.dumps(list(items) or payload)}
    answer: dict[str, Any] = json.loads(await asyncio.to_thread(peer.request, APP + path, params))
    return answer


async def ask(peer: MiCloud, path: str, *items: Any, **payload: Any) -> Any:
    """Return the result of what is asked."""
    said = await say(peer, path, *items, **payload)
    assert (said["code"], said["message"]) == (0, "ok")
    return said["result"]


async def test_a_wrong_password_is_refused(peer: MiCloud) -> None:
    """The service says so with a result of its own."""
    peer.password += "?"
    with pytest.raises(MiCloudAccessDenied):
        await asyncio.to_thread(peer.login)


async def test_devices_have_what_clients_expect(peer: MiCloud, lock: Lock) -> None:
    """The list is read by a method of the client's own."""
    assert await asyncio.to_thread(peer.login)
    (device,) = await asyncio.to_thread(peer.get_devices)
    assert (device["did"], device["token"]) == (lock.did, lock.token)
    assert device.keys() >= {"localip", "desc", "parent_id", "parent_model", "ssid", "bssid"}


async def test_what_plug_ins_keep(simulator: Simulator, peer: MiCloud, lock: Lock) -> None:
    """A text for what is kept, null for the rest, and nothing of other people's devices."""
    lock.kept_by_app[USER_LIST] = user_list({0: "妈妈", 3: "李明"})
    foreign = simulator.add_lock(simulator.add_account("Mei"))
    props = [USER_LIST, "prop.s_visitor_list"]
    path = KEPT.removeprefix("/app")
    asked = [{"did": one.did, "props": props} for one in (lock, foreign)]
    kept = await ask(peer, path, *asked, {"from_flag": "anything"})
    assert kept == {
        lock.did: {USER_LIST: user_list({0: "妈妈", 3: "李明"}), "prop.s_visitor_list": None}
    }
    named = {user["uid"]: user["uName"] for user in json.loads(kept[lock.did][USER_LIST])}
    assert named == {0: "妈妈", 3: "李明"}
    assert (await say(peer, path, {"did": lock.did}))["code"] != 0
    assert (await say(peer, path, 7))["code"] != 0


async def test_homes_and_their_devices(simulator: Simulator, peer: MiCloud, lock: Lock) -> None:
    """A friend's are in the same list; who has more than fit in a page asks again."""
    account = next(iter(simulator.cloud.accounts.values()))
    second = simulator.add_lock(account, "Back door", room=None)
    shared = simulator.add_lock(account, "Friend's door", home="Their home", shared=True)
    alone = simulator.add_lock(account, "Alone", home=None, shared=True)
    page = {"fg": True, "fetch_share": True, "limit": 300, "app_ver": 7}
    own, theirs = (await ask(peer, "/v2/homeroom/gethome_merged", **page))["homelist"]
    assert (own["uid"], own["dids"]) == (int(account.user_id), [second.did])
    assert own["roomlist"][0]["dids"] == [lock.did]
    assert theirs["name"] == "Their home"
    assert len((await ask(peer, "/v2/homeroom/gethome_merged", limit=9))["homelist"]) == 1

    begun: dict[str, Any] = {"home_id": int(own["id"]), "home_owner": own["uid"], "limit": 1}
    first = await ask(peer, "/home/home_device_list", **begun)
    assert [device["did"] for device in first["device_info"]] == [lock.did]
    assert first["has_more"] is True
    rest = await ask(peer, "/v2/home/home_device_list", **begun, start_did=first["max_did"])
    assert [device["did"] for device in rest["device_info"]] == [second.did]
    assert rest["has_more"] is False

    everything = (await ask(peer, "/v2/home/device_list_page", get_split_device=True))["list"]
    assert {device["did"] for device in everything if device["owner"]} == {shared.did, alone.did}


async def test_properties_and_actions(peer: MiCloud, lock: Lock) -> None:
    """They are as the other interface has them; other accounts' are as far away."""
    door = {"did": lock.did, "siid": 3, "piid": 1021}
    (read,) = await ask(peer, "/miotspec/prop/get", params=[door], datasource=1)
    assert (read["code"], read["value"]) == (0, 1)
    volume = {"did": lock.did, "siid": 21, "piid": 5}
    (written,) = await ask(peer, "/miotspec/prop/set", params=[{**volume, "value": 3}])
    assert (written["code"], lock.values[21, 5]) == (0, 3)
    synchronize = {"did": lock.did, "siid": 4, "aiid": 6}
    assert (await ask(peer, "/miotspec/action", params=synchronize))["code"] == 0
    unlock = {"did": lock.did, "siid": 2, "aiid": 1}
    assert (await ask(peer, "/miotspec/action", params={**unlock, "value": [1, 2, 3]}))["code"] < 0
    too_many = await say(peer, "/miotspec/prop/get", params=[door] * 151, datasource=1)
    assert too_many["code"] != 0


async def test_statistics(peer: MiCloud, lock: Lock) -> None:
    """What happened is counted by day."""
    lock.fingerprint(3)
    lock.fingerprint(4)
    wanted = {"did": lock.did, "key": "2.1020", "limit": 6, "time_start": 0, "time_end": 2**40}
    (day,) = await ask(peer, "/v2/user/statistics", **wanted, data_type="stat_day_v3")
    assert json.loads(day["value"]) == [2]
    assert (day["time"] + 8 * 3600) % 86_400 == 0
    wrong = await say(peer, "/v2/user/statistics", **wanted, data_type="stat_century")
    assert wrong["code"] != 0


async def test_an_unknown_path_is_answered_with_a_code(peer: MiCloud) -> None:
    """Sealed like any other answer; who has no session is told that instead."""
    said = await say(peer, "/v2/no/such/thing", anything=1)
    assert said["code"] not in (0, 2, 3)
    assert "result" not in said


async def test_nobody_else_gets_that_far(client: Client) -> None:
    """An unknown path says as little as a known one."""
    url = client.addresses["api"] + "/app/v2/no/such/thing"
    response = await client.session.post(url, data={"data": "{}"}, ssl=client.tls)
    assert response.status == 200
    assert (await response.json(content_type=None))["code"] == 3


def request_of(user_id: str) -> str:
    """Return what the official client sends for a certificate, base64 of PEM."""
    named = {
        NameOID.COUNTRY_NAME: "CN",
        NameOID.ORGANIZATION_NAME: "Mijia Device",
        NameOID.COMMON_NAME: f"mips.{user_id}.0123abcd.2",
    }
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in named.items()])
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    pem = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return base64.b64encode(pem).decode()


async def test_a_certificate_for_central_gateways(client: Client, account: Account) -> None:
    """It has the subject of the request, which must be of the account."""
    await client.sign_in()
    given = await client.call(CENTRAL, {"csr": request_of(account.user_id)})
    certificate = x509.load_pem_x509_certificate(given["cert"].encode())
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == f"mips.{account.user_id}.0123abcd.2"
    for wrong in (request_of("1"), "bm90aGluZw==", "?"):
        assert (await client.answer(CENTRAL, {"csr": wrong}))["code"] != 0
