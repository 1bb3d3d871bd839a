"""A day at the door of any model, by words alone; what a model does not have is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.lock import Lock
    from simulator.sibling import Sibling


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is done at the door."""

    name: str
    act: Callable[[Lock | Sibling], None]

    def play(self, lock: Lock | Sibling) -> bool:
        """Do it; return False if the model has no such thing."""
        try:
            self.act(lock)
        except LookupError:
            return False
        return True


ANY_DAY: Final = (
    Act("Somebody comes home by fingerprint", lambda lock: lock.unlock(operation_id=3)),
    Act("The door opens", lambda lock: lock.open_door()),
    Act("The door closes and locks", lambda lock: lock.close_door()),
    Act("Somebody comes home by password", lambda lock: lock.unlock("password", operation_id=5)),
    Act("The door is left ajar", lambda lock: lock.leave_ajar()),
    Act("The door is closed properly", lambda lock: lock.close_door()),
    Act("The bell rings", lambda lock: lock.ring()),
    Act("Somebody leaves by the button inside", lambda lock: lock.press_inside_button()),
    Act("The door closes behind them", lambda lock: lock.close_door()),
    Act("Somebody tries to prise the lock", lambda lock: lock.report("prised", "keypad_prised")),
    Act("The deadbolt goes on for the night", lambda lock: lock.deadbolt(on=True)),
    Act("The child lock goes on", lambda lock: lock.child_lock(on=True)),
    Act("The lock goes to sleep, if it ever does", lambda lock: lock.sleep()),
    Act("The battery runs low", lambda lock: lock.set_battery(15)),
    Act("The child lock comes off in the morning", lambda lock: lock.child_lock(on=False)),
    Act("The deadbolt comes off", lambda lock: lock.deadbolt(on=False)),
    Act("The battery is changed", lambda lock: lock.set_battery(90)),
)
