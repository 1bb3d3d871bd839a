"""The items that have a meaning for the integration, by the specification's standard names."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """A property, an event or an action, as ``SERVICE:ITEM``.

    It means the first service of that name that has the item, unless a model's tables say
    otherwise.
    """

    # Properties
    DOOR_STATE = "door:door-state"
    LOCK_STATE = "lock:lock-state"
    DEADBOLT = "lock:anti-lock"
    CHILD_LOCK = "lock:child-lock"
    AWAY_MODE = "lock:away-home-mode"
    LOCK_ACTION = "lock:lock-action"
    ABNORMAL_CONDITION = "lock:abnormal-condition"
    OPERATION_POSITION = "lock:operation-position"
    OPERATION_METHOD = "lock:operation-method"
    USER_ID = "lock-manage:user-ids"
    USER_TYPE = "lock-manage:user-type"
    OPERATION_ID = "lock-manage:operation-id"
    ERROR_CODE = "lock-manage:error-code"
    HARDWARE_VERSION = "lock-version:hardware-version"
    DO_NOT_DISTURB_PERIOD = "no-disturb:enable-time-period"
    RECORDING_PERIOD = "door-lock-camera:video-recording-time-period"
    LIVE_VIDEO_PERIOD = "door-lock-camera:live-video-enable-time-period"
    CHARGING_STATE = "battery:charging-state"
    # Batteries have services of the same name: only a model's tables tell which one is which.
    DRY_CELLS_LEVEL = "dry-cells:battery-level"
    DRY_CELLS_STATUS = "dry-cells:status"
    LITHIUM_BATTERY_LEVEL = "lithium-battery:battery-level"
    LITHIUM_BATTERY_STATUS = "lithium-battery:status"

    # Events
    LOCK_EVENT = "lock:lock-event"
    EXCEPTION = "lock:exception-occurred"
    DOORBELL = "doorbell:doorbell-ring"
    SOMEONE_STAYS = "door-lock-camera:someone-at-the-door"
    WECHAT = "door-lock-camera:wechat-unauth-notify"
    HISTORY_REPORTED = "lock-history:history-notify-complete"
    USER_UPDATED = "lock-manage:update-lock-user"
    CREDENTIAL_UPDATED = "lock-manage:update-unlock-method"
    ENROLMENT_STEP = "lock-manage:add-credential-event"
    USER_ADDED = "lock-manage:add-user-complete"
    USER_DELETED = "lock-manage:delete-user-complete"
    CREDENTIAL_ADDED = "lock-manage:add-user-key-complete"
    CREDENTIAL_DELETED = "lock-manage:delete-user-key-complete"
    CREDENTIALS_SYNCHRONISED = "lock-manage:sync-user-key-complete"
    USERS_SYNCHRONISED = "lock-manage:sync-user-complete"

    # Actions
    UNLOCK = "lock:ble-unlock"
    WAKE = "lock:ble-awake-dev"
    FETCH_HISTORY = "lock-history:history-notify-action"
    SET_CLOCK = "time-management:time-correction"
    WAKE_CAMERA = "door-lock-camera:wake-up"
    RECORD_VIDEO = "door-lock-camera:video-recording"


USER_SERVICE: Final = "lock-manage"
"""The service that manages users and credentials; a lock may have several of this name."""

BATTERY_SERVICE: Final = "battery"
BATTERY_STATUS: Final = "status"

# The roles whose standard names mean the same for any lock, besides the levels of its batteries
STANDARD: Final = frozenset({Role.DOORBELL})

# Events that the cloud keeps for the Mi Home app
REMEMBERED: Final = (Role.LOCK_EVENT, Role.EXCEPTION, Role.DOORBELL)

# Parts of the names of secret properties in any service: who may open the door and how, and the key
# to talk to the person at the door
SECRET: Final = (
    "credential",
    "password",
    "passwd",
    "pin-code",
    "secret",
    "token",
    "unlock-method-info-string",
    "user-add-string",
    "user-data",
    "user-deadbolt-permission",
    "user-delete-string",
    "user-key-add-string",
    "user-key-delete-string",
    "wechat-info",
)
DURESS: Final = re.compile(
    r"duress|coerc[a-z]*|hijack[a-z]*|kidnap[a-z]*|hostage|(di)?stress[a-z]*|threat[a-z]*"
    r"|(alarm|panic|sos)(?=[ _-](finger|password))"
    r"|胁迫|脅迫|劫持|挟持|挾持|被迫|威胁|威脅|绑架|綁架|(报警|求救)(?=指纹|密码)"
)
"""What the use of a credential under duress is called, also in other words for 胁迫."""
WITH_DURESS: Final = ("operation-method", "abnormal-condition")
"""Properties that are shown even if their description speaks of duress, but for such values."""

# What secrets are called in names and descriptions that nobody has looked at
CALLED_SECRET: Final = re.compile(
    r"pass(word|code|wd|phrase)|pin-?code|\b(key|otp|pin|psk|pwd)\b|credential|secret|token"
    r"|密码|密钥|口令|令牌|凭[据证]"
)
ABOUT_SECRETS: Final = re.compile(r"(^|-)(count|ids?|index|number|state|status|type)$")
"""How names end that tell of a credential, but not what opens the door."""
ROOM_FOR_SECRETS: Final = frozenset(
    {"string", "uint16", "uint32", "uint64", "int16", "int32", "int64"}
)
"""The formats that have room for a secret."""
NOT_SECRET: Final = ("credential-state", "credential-step-current", "credential-step-all")
"""The progress of an enrollment."""

# Names of properties by which the lock pushes past events, as JSON
PAST: Final = frozenset(
    {
        "abnormal-data-string",
        "door-data-string",
        "doorbell-data-string",
        "lock-history-string",
        "user-add-string",
        "user-delete-string",
        "user-key-add-string",
        "user-key-delete-string",
    }
)

# Events that report the outcome of an action. The first one reports success or failure. Of the
# second one only a failure counts: its success may belong to an earlier action.
COMPLETION_EVENTS: Final[dict[str, tuple[Role, ...]]] = {
    "add-lock-user": (Role.USER_ADDED, Role.USER_UPDATED),
    "delete-lock-user": (Role.USER_DELETED, Role.USER_UPDATED),
    "add-unlock-method": (Role.CREDENTIAL_ADDED, Role.CREDENTIAL_UPDATED),
    "delete-unlock-method": (Role.CREDENTIAL_DELETED, Role.CREDENTIAL_UPDATED),
    "alloc-lock-user": (Role.CREDENTIAL_UPDATED,),
    "sync-lock-user": (Role.USERS_SYNCHRONISED,),
    "sync-unlock-method": (Role.CREDENTIALS_SYNCHRONISED,),
    "cancel-unlock-method": (),
}
