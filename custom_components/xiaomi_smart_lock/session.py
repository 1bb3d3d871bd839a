"""Session with one lock: a client bound to the lock, for all requests to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from homeassistant.const import CONF_HOST
from homeassistant.exceptions import HomeAssistantError

from .miot.attempt import Attempts
from .miot.errors import MiotError, NotSentError, NotSignedInError, Reason, ResultError
from .wording.reasons import reason_in_words, translatable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

    from .miot.attempt import Attempt
    from .miot.client import Client, Reading
    from .miot.cloud import Device
    from .miot.spec import Action, Address, Value


def _nobody(*_: object) -> None:
    """Do nothing."""


class LockSession:
    """A client bound to one lock; it also knows whether pushed messages arrive.

    All methods raise MiotError, except ``async_act``.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        client: Client,
        device: Device,
        hears: Callable[[], bool],
    ) -> None:
        """Bind a client to a lock; ``hears`` returns whether push is connected."""
        self.device = device
        """The lock as in the device list of the account, or as last known."""
        self.pushes: Final = CONF_HOST not in entry.data
        """Whether the connection pushes messages of the lock."""
        self.attempts: Final = Attempts()
        """Attempts at actions of the lock that are in progress."""
        self.on_contact: Callable[[float], None] = _nobody
        """Called after each successful write or action, with the time in Unix seconds."""
        self.on_asleep: Callable[[float], None] = _nobody
        """Called when the lock turns out to be asleep, with the loop's time of the request."""
        self._hass = hass
        self._entry = entry
        self._client = client
        self._hears = hears

    @property
    def did(self) -> str:
        """The lock's did, its id at Xiaomi."""
        return self.device.did

    @property
    def name(self) -> str:
        """The name of the lock in the account."""
        return self.device.name

    @property
    def hears(self) -> bool:
        """Whether messages that the lock pushes arrive right now."""
        return self._hears()

    def unheard[E: HomeAssistantError](self, kind: type[E]) -> E:
        """Return the error that the lock cannot be heard: now, or ever on the local network."""
        if self.pushes:
            return translatable(kind, "not_heard", lock=self.name)
        return translatable(kind, "not_heard_locally", lock=self.name)

    async def read(self, addresses: Collection[Address]) -> dict[Address, Reading]:
        """Return readings of properties by address. Properties without an answer are missing."""
        return await self._client.read(self.did, addresses) if addresses else {}

    async def write(self, address: Address, value: Value) -> None:
        """Set a property."""
        asked = self._hass.loop.time()
        try:
            await self._client.write(self.did, address, value)
        except MiotError as error:
            self._note_sleep(error, asked)
            raise
        self.on_contact(time.time())

    async def act(self, attempt: Attempt, action: Action, *inputs: Value) -> list[object]:
        """Call an action within an attempt, and return the outputs."""
        asked = self._hass.loop.time()
        try:
            async with attempt.interruptible():
                outputs = await self._client.act(self.did, action, inputs, attempt)
        except MiotError as error:
            self._note_sleep(error, asked)
            raise
        self.on_contact(time.time())
        return outputs

    async def async_act(self, action: Action, *inputs: Value) -> list[object]:
        """Call an action now or not at all, and return the outputs. Raises HomeAssistantError."""
        with self.attempts.begin() as attempt:
            try:
                return await self.act(attempt, action, *inputs)
            except MiotError as error:
                raise self.failure(error) from error

    def failure(self, error: MiotError) -> HomeAssistantError:
        """Return the error for the user; start the reauth flow if signing in again helps."""
        key, placeholders = "no_answer", {"reason": reason_in_words(self._hass, error)}
        if isinstance(error, NotSignedInError):
            self._entry.async_start_reauth(self._hass)
            key, placeholders = "not_signed_in", {}
        elif isinstance(error, NotSentError):
            key, placeholders = str(error.why), {}
        elif isinstance(error, ResultError):
            key, placeholders = f"lock_{error.reason}", {"code": str(error.code)}
        return translatable(HomeAssistantError, key, lock=self.name, **placeholders)

    def _note_sleep(self, error: MiotError, asked: float) -> None:
        if isinstance(error, ResultError) and error.reason is Reason.ASLEEP:
            self.on_asleep(asked)
