"""Names that more than one module knows."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

DOMAIN: Final = "xiaomi_smart_lock"
MANUFACTURER: Final = "Xiaomi"
ENDPOINTS_VARIABLE: Final = "XIAOMI_SMART_LOCK_ENDPOINTS"

CONF_DID: Final = "did"
CONF_LOCKS: Final = "locks"
CONF_TOKENS: Final = "tokens"
CONF_USER_ID: Final = "user_id"
CONF_UUID: Final = "uuid"

CONF_ALLOW_UNLOCK: Final = "allow_unlock"
CONF_POLL_INTERVAL: Final = "poll_interval"
CONF_POLL_INTERVAL_WITHOUT_PUSH: Final = "poll_interval_without_push"

# The values of options that are not set, in seconds
POLL_INTERVAL_CLOUD: Final = 300
POLL_INTERVAL_WITHOUT_PUSH: Final = 60
POLL_INTERVAL_LOCAL: Final = 30

# How long nothing may be heard before what is shown no longer counts as known
PATIENCE_CLOUD: Final = timedelta(minutes=10)
PATIENCE_LOCAL: Final = timedelta(hours=24)
