"""Sign in with a QR code, or with what is kept of it, and ask for all that there is."""

from __future__ import annotations

import json
import sys

from mijiaAPI import APIError, mijiaAPI

given = json.loads(sys.argv[1])
did = given["did"]
api = mijiaAPI("auth.json")
if not given["kept"]:
    api.login()

battery = {"did": did, "siid": 13, "piid": 1}
volume = {"did": did, "siid": 21, "piid": 5}
counted = {"did": did, "key": "2.1020", "data_type": "stat_day_v3", "limit": 6}
try:
    unknown = api._request("/v2/no/such/thing", {})
except APIError as error:
    unknown = str(error)

print(
    json.dumps(
        {
            "homes": api.get_homes_list(),
            "devices": api.get_devices_list(),
            "shared": api.get_shared_devices_list(),
            "read": api.get_devices_prop([battery, volume]),
            "written": api.set_devices_prop({**volume, "value": given["volume"]}),
            "acted": api.run_action({"did": did, "siid": 4, "aiid": 6}),
            "statistics": api.get_statistics({**counted, "time_start": 0, "time_end": 2**40}),
            "consumables": api.get_consumable_items(),
            "scenes": api.get_scenes_list(),
            "unknown": unknown,
        }
    )
)
