"""A guest with an account in Home Assistant: may use entities, dashboards and the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .attack import HELD, Attacks, expect
from .house import CODE, WRONG

if TYPE_CHECKING:
    from .house import House

ATTACKS: Final = Attacks("A guest with an account in Home Assistant")


@ATTACKS.try_to("unlock a lock that nobody allowed to unlock")
async def _unlock_what_is_not_allowed(house: House) -> str:
    before = house.opened(house.lock)
    expect(not await house.unlock(house.guest, house.lock), "the right code does not unlock")
    expect(house.opened(house.lock) == before + 1, "the lock that is allowed did not open")
    for code in (None, "", CODE, WRONG):
        await house.unlock(house.guest, house.shut, code)
    return "it opened" if house.asked(house.shut) or house.opened(house.shut) else HELD
