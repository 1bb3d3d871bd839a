"""Read, write and act on the local network, by numbers."""

from __future__ import annotations

import json
import sys

from miio import DeviceException, MiotDevice

given = json.loads(sys.argv[1])
lock = MiotDevice(given["host"], given["token"])
info = lock.info()
stranger = MiotDevice(given["host"], "0" * 32, timeout=1)
try:
    stranger.send("miIO.info")
    refused = False
except DeviceException:
    refused = True
print(
    json.dumps(
        {
            "info": [info.model, info.mac_address, info.firmware_version],
            "read": lock.get_property_by(13, 1),
            "written": lock.set_property_by(21, 5, given["volume"]),
            "acted": lock.call_action_by(4, 6),
            "clock_set": lock.call_action_by(9, 1, given["clock"]),
            "refused": refused,
        }
    )
)
