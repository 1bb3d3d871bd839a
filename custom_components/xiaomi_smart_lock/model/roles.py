"""What has a meaning of its own for a lock, by the specification's standard names."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """A property, an event or an action, as ``SERVICE:ITEM``.

    The first service of that name that has the item is meant, unless a model's tables know better.
    """

    # Properties
    DOOR_STATE = "door:door-state"
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
    CREDENTIAL_STATE = "lock-manage:credential-state"
    HARDWARE_VERSION = "lock-version:hardware-version"
    DO_NOT_DISTURB_PERIOD = "no-disturb:enable-time-period"
    DRY_CELLS_LEVEL = "battery:battery-level"
    DRY_CELLS_STATUS = "battery:status"
    CHARGING_STATE = "battery:charging-state"
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
"""The service that manages users and credentials; several services of a lock may be one."""

# What the cloud remembers for the Mi Home app
REMEMBERED: Final = (Role.LOCK_EVENT, Role.EXCEPTION, Role.DOORBELL)

# Who may open the door, how, and the key to talk to who stands before it: properties by name, in
# whichever service
SECRET: Final = frozenset(
    {
        "credential",
        "unlock-method-info-string",
        "user-add-string",
        "user-deadbolt-permission",
        "user-delete-string",
        "user-key-add-string",
        "user-key-delete-string",
        "wechat-info",
    }
)

# What the lock pushes of its past, as JSON, by the names of the properties
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

# By which event the lock tells that it has done an action, and by which other one that it has not:
# the success of that one may be of an action before.
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
