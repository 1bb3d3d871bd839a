"""What the Mi Home app's interface has of homes, and of the devices in them."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from . import listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from .account import Account

type Call = Callable[[Account, dict[str, Any]], Any]
"""Takes who asks and what for; returns the result."""

READ: Final = "/app/miotspec/prop/get"
WRITE: Final = "/app/miotspec/prop/set"
ACT: Final = "/app/miotspec/action"

# To what a moment is set back, for the beginning of what one count is of.
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
    """Return how often something was reported, newest first.

    What the real service counts of this lock, if anything, is not known.
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


def act(call: Call, account: Account, asked: dict[str, Any]) -> Any:
    """Return the result of an action, whose arguments the app's clients name in two ways.

    They leave them out where there are none.
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
    # Nothing new, nothing to replace, no scenes.
    "/app/v2/message/v2/check_new_msg": lambda *_: {},
    "/app/v2/home/standard_consumable_items": lambda *_: {"items": []},
    "/app/appgateway/miot/appsceneservice/AppSceneService/GetSimpleSceneList": lambda *_: {
        "manual_scene_info_list": []
    },
}
