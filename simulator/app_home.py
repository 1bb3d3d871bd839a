"""The Mi Home app's interface for homes and their devices."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from . import listing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .account import Account

type Call = Callable[[Account, Any], Any]
"""Takes the account and the request; returns the result."""

READ: Final = "/app/miotspec/prop/get"
KEPT: Final = "/app/v2/device/batchgetdatas"
WRITE: Final = "/app/miotspec/prop/set"
ACT: Final = "/app/miotspec/action"

USER_LIST: Final = "prop.s_user_list"
"""The property in which the plug-in of a lock keeps its users. Observed of xiaomi.lock.d100j."""

# The fields of a time to reset for the start of the period of one count.
_BEGINNINGS: Final[dict[str, dict[str, Any]]] = {
    "stat_hour_v3": {"minute": 0},
    "stat_day_v3": {"minute": 0, "hour": 0},
    "stat_month_v3": {"minute": 0, "hour": 0, "day": 1},
}


def _homes(account: Account, asked: dict[str, Any]) -> dict[str, Any]:
    """Return own homes and shared ones in one list."""
    listed = listing.homes(account, 0, asked["limit"])
    own, shared = listed.pop("homelist"), listed.pop("share_home_list")
    return {"homelist": own + (shared if asked.get("fetch_share") else []), **listed}


def _home_devices(account: Account, asked: dict[str, Any]) -> dict[str, Any]:
    return listing.app_home_devices(
        account,
        str(asked["home_id"]),
        str(asked["home_owner"]),
        asked.get("start_did", ""),
        asked["limit"],
    )


def _device_page(account: Account, _asked: dict[str, Any]) -> dict[str, Any]:
    return {**listing.app_devices(account), "has_more": False, "next_start_did": ""}


def _statistics(account: Account, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return how often a property or an event was reported per period, newest first.

    Not observed: it is not known what the real service counts for this lock, if anything.
    """
    lock = account.locks[asked["did"]]
    siid, iid = map(int, asked["key"].split("."))
    beginning = {"second": 0, **_BEGINNINGS[asked["data_type"]]}
    zone = timezone(timedelta(hours=lock.time_zone))
    counts = Counter(
        int(datetime.fromtimestamp(past.told, zone).replace(**beginning).timestamp())
        for past in lock.history
        if past.source == (siid, iid) and asked["time_start"] <= past.told <= asked["time_end"]
    )
    newest = sorted(counts.items(), reverse=True)[: asked["limit"]]
    return [{"time": begun, "value": json.dumps([count])} for begun, count in newest]


def _kept(account: Account, asked: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the app's plug-ins keep about devices; null for what they do not keep."""
    return {
        did: {name: account.locks[did].kept_by_app.get(name) for name in one["props"]}
        for one in asked
        if "did" in one and (did := str(one["did"])) in account.locks
    }


def user_list(names: Mapping[int, str]) -> str:
    """Return names by user id as the plug-in of a lock keeps them, beside those of credentials."""
    users = [
        {
            "uid": user,
            "uName": name,
            "index": index,
            "checked": False,
            "createTime": 1790000000000 + user,
            "password": [{"pid": user + 1, "pName": "指纹 1", "type": 2, "index": 0}],
        }
        for index, (user, name) in enumerate(names.items())
    ]
    return json.dumps(users, ensure_ascii=False)


def act(call: Call, account: Account, asked: dict[str, Any]) -> Any:
    """Return the result of an action.

    The app's clients name the arguments ``in`` or ``value``, or omit them if there are none.
    """
    params = dict(asked["params"])
    arguments = params.pop("value", [])
    return call(account, {"params": {"in": arguments, **params}})


CALLS: Final[dict[str, Call]] = {
    "/app/v2/homeroom/gethome_merged": _homes,
    "/app/home/home_device_list": _home_devices,
    "/app/v2/home/home_device_list": _home_devices,
    "/app/v2/home/device_list_page": _device_page,
    "/app/v2/user/statistics": _statistics,
    KEPT: _kept,
    # No new messages, no consumables, no scenes.
    "/app/v2/message/v2/check_new_msg": lambda *_: {},
    "/app/v2/home/standard_consumable_items": lambda *_: {"items": []},
    "/app/appgateway/miot/appsceneservice/AppSceneService/GetSimpleSceneList": lambda *_: {
        "manual_scene_info_list": []
    },
}
