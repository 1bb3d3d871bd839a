"""Constants that several modules use."""

from __future__ import annotations

from typing import Final

DOMAIN: Final = "xiaomi_smart_lock"
NAME: Final = "Xiaomi Smart Lock"
MANUFACTURER: Final = "Xiaomi"
ENDPOINTS_VARIABLE: Final = "XIAOMI_SMART_LOCK_ENDPOINTS"

SUBENTRY_GUEST: Final = "guest"
SUBENTRY_PERSON: Final = "person"
SUBENTRY_WHO_MAY_OPEN: Final = "who_may_open"
"""No subentry is ever of this type; its flow shows who may open the door."""

CONF_APP: Final = "app"
CONF_APP_ENDED: Final = "app_ended"
CONF_CONFIRM_URL: Final = "confirm_url"
CONF_CREDENTIALS: Final = "credentials"
CONF_DECLINED: Final = "declined"
CONF_DID: Final = "did"
CONF_LOCKS: Final = "locks"
CONF_LOCK_USERS: Final = "lock_users"
CONF_PERSON_ENTITY: Final = "person_entity"
CONF_ROOMS: Final = "rooms"
CONF_TOKENS: Final = "tokens"
CONF_USER_ID: Final = "user_id"
CONF_UUID: Final = "uuid"

CONF_APP_REQUESTS: Final = "app_requests"
CONF_ASK_WHO: Final = "ask_who"
CONF_JOURNAL_ENTRIES: Final = "journal_entries"
CONF_KEEP_PICTURES: Final = "keep_pictures"
CONF_LATE_AFTER: Final = "late_after"
CONF_LEAST_DIGITS: Final = "least_digits"
CONF_MOST_DIGITS: Final = "most_digits"
CONF_PENDING_FOR: Final = "pending_for"
CONF_UNLOCKING: Final = "unlocking"
CONF_UNAVAILABLE_AFTER: Final = "unavailable_after"
CONF_POLL_INTERVAL: Final = "poll_interval"
CONF_POLL_INTERVAL_WITHOUT_PUSH: Final = "poll_interval_without_push"

# Defaults of options, in seconds
POLL_INTERVAL_CLOUD: Final = 3600
POLL_INTERVAL_WITHOUT_PUSH: Final = 60
POLL_INTERVAL_LOCAL: Final = 30

# In minutes
LATE_AFTER: Final = 5
UNAVAILABLE_AFTER_CLOUD: Final = 10
UNAVAILABLE_AFTER_LOCAL: Final = 24 * 60

# In hours
PENDING_FOR: Final = 24

# In digits
LEAST_DIGITS: Final = 6
MOST_DIGITS: Final = 10

# In requests an hour
APP_REQUESTS: Final = 60

# In entries
JOURNAL_ENTRIES: Final = 1000

# In days
KEEP_PICTURES: Final = 0
