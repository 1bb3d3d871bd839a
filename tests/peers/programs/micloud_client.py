"""Sign in with a password, and ask for devices and for history."""

from __future__ import annotations

import json
import sys

from micloud import MiCloud
from micloud.micloudexception import MiCloudAccessDenied

given = json.loads(sys.argv[1])
wrong = MiCloud(given["user"], given["password"] + "?")
try:
    refused = not wrong.login()
except MiCloudAccessDenied:
    refused = True

cloud = MiCloud(given["user"], given["password"])
signed_in = cloud.login()
history = {"did": given["did"], "type": "event", "key": "2.1020", "limit": 5}
history |= {"time_start": 0, "time_end": 2**40}
print(
    json.dumps(
        {
            "refused": refused,
            "signed_in": signed_in,
            "devices": {country: cloud.get_devices(country) for country in given["countries"]},
            "history": json.loads(
                cloud.request_country(
                    "/user/get_user_device_data", "cn", {"data": json.dumps(history)}
                )
            ),
        }
    )
)
