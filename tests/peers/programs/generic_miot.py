"""Use a lock by its published specification, and list the account's devices."""

from __future__ import annotations

import json
import sys

from miio.cloud import CloudInterface
from miio.integrations.genericmiot.genericmiot import GenericMiot

given = json.loads(sys.argv[1])
lock = GenericMiot(given["host"], given["token"])
status = lock.status()
lock.change_setting("doorbell:volume", given["volume"])
devices = CloudInterface(given["user"], given["password"]).get_devices()  # type: ignore[no-untyped-call]
print(
    json.dumps(
        {
            "status": {name: str(value) for name, value in status.data.items()},
            "acted": lock.call_action("lock-manage:sync-lock-user"),
            "devices": {key: device.token for key, device in devices.items()},
        }
    )
)
