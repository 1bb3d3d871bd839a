"""What opens the door, and how it is shown where anybody may look. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..model.lock_model import LockModel


def masked(model: LockModel, method: int) -> int:
    """Return the operation-method that is shown where who stands at the door may see it.

    A duress fingerprint is like any other: who forces somebody to open must not see that it was
    noticed, nor that there is one. Only the event entity *Duress* tells.
    """
    return model.masks.get(method, method)


class Credential(NamedTuple):
    """What opens the door: operation-method and operation-id."""

    method: int
    operation_id: int

    def masked(self, model: LockModel) -> Credential:
        """Return the credential as it is shown."""
        return self._replace(method=masked(model, self.method))
