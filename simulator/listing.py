"""The cloud's paged lists of an account's homes and devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .account import identifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .account import Account, Place


def homes(account: Account, start: int, limit: int) -> dict[str, Any]:
    """Return all homes with a page of the account's locks: from ``start`` on, at most ``limit``.

    Both lists have all homes, also those whose locks are on another page.
    """
    page = _placed(account)[start : start + limit]
    own: list[dict[str, Any]] = []
    shared: list[dict[str, Any]] = []
    for (uid, name), owner in account.homes.items():
        inside = [place for place in page if (_uid(account, place), place.home) == (uid, name)]
        home = {"id": identifier(uid, name), "name": name, "uid": int(uid), **_rooms(uid, inside)}
        (shared if owner else own).append(home)
    return {"homelist": own, "share_home_list": shared, **_more(account, start, limit)}


def rooms(account: Account, start: int, limit: int) -> dict[str, Any]:
    """Return a further page of ``homes``, without the names of homes."""
    listed = homes(account, start, limit)
    info = [
        {key: home[key] for key in ("id", "dids", "roomlist")}
        for home in listed["homelist"] + listed["share_home_list"]
        if home["dids"] or home["roomlist"]
    ]
    return {"info": info, **_more(account, start, limit)}


def devices(account: Account, dids: Sequence[str], start_did: str, limit: int) -> dict[str, Any]:
    """Return a page of the account's devices, from ``start_did`` on.

    ``dids`` selects the devices; all if it is empty.
    """
    places = [place for place in account.places if not dids or place.lock.did in dids]
    order = [place.lock.did for place in places]
    start = order.index(start_did) if start_did in order else 0
    following = order[start + limit :]
    return {
        "list": [_device(place) for place in places[start : start + limit]],
        "has_more": bool(following),
        "next_start_did": following[0] if following else "",
    }


def app_devices(account: Account) -> dict[str, Any]:
    """Return the account's devices as the app's interface lists them."""
    return {"list": [_app_device(account, place) for place in account.places]}


def app_home_devices(
    account: Account, home_id: str, uid: str, start_did: str, limit: int
) -> dict[str, Any]:
    """Return a page of one home's devices after a did, as the app's interface lists them."""
    inside = [
        place
        for place in _placed(account)
        if uid == _uid(account, place) and home_id == identifier(uid, str(place.home))
    ]
    dids = [place.lock.did for place in inside]
    start = dids.index(start_did) + 1 if start_did in dids else 0
    page = inside[start : start + limit]
    more = start + limit < len(inside)
    return {
        "device_info": [_app_device(account, place) for place in page],
        "has_more": more,
        "max_did": page[-1].lock.did if more else "",
    }


def _placed(account: Account) -> list[Place]:
    return [place for place in account.places if place.home is not None]


def _uid(account: Account, place: Place) -> str:
    return place.owner.user_id if place.owner else account.user_id


def _rooms(uid: str, inside: Sequence[Place]) -> dict[str, Any]:
    """Return a home's locks that are in no room, and its rooms with their locks, as dids."""
    names = dict.fromkeys(place.room for place in inside if place.room is not None)
    return {
        "dids": [place.lock.did for place in inside if place.room is None],
        "roomlist": [
            {
                "id": identifier(uid, str(inside[0].home), name),
                "name": name,
                "dids": [place.lock.did for place in inside if place.room == name],
            }
            for name in names
        ],
    }


def _more(account: Account, start: int, limit: int) -> dict[str, Any]:
    end = start + limit
    more = end < len(_placed(account))
    return {"has_more": more, "max_id": str(end) if more else ""}


def _app_device(account: Account, place: Place) -> dict[str, Any]:
    device = _device(place)
    return {
        "localip": device.pop("local_ip"),
        **device,
        "uid": int(_uid(account, place)),
        "pid": str(device["pid"]),
        "parent_model": "",
        "adminFlag": 0 if place.owner else 1,
        "shareFlag": 1 if place.owner else 0,
        "desc": "Online" if place.lock.awake else "Offline",
    }


def _device(place: Place) -> dict[str, Any]:
    lock, owner = place.lock, place.owner
    return {
        "did": lock.did,
        "name": lock.name,
        "model": lock.model,
        "spec_type": lock.urn,
        "isOnline": lock.awake,
        "token": lock.token,
        "local_ip": lock.host or "",
        "mac": lock.mac,
        "rssi": -54,
        "ssid": "" if lock.gateway else "Home",
        "bssid": "" if lock.gateway else "54:48:E6:00:00:01",
        "pid": lock.pid,
        "parent_id": lock.gateway or "",
        "owner": {"userid": int(owner.user_id), "nickname": owner.name} if owner else None,
        "extra": {"fw_version": lock.firmware},
    }
