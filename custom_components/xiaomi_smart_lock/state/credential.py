"""What opens the door, and how it is shown where anybody may look. No I/O."""

from __future__ import annotations

from typing import NamedTuple

from ..model.s1 import DURESS_FINGERPRINT, FINGERPRINT


def masked(method: int) -> int:
    """Return the operation-method that is shown where who stands at the door may see it.

    A duress fingerprint is like any other: who forces somebody to open must not see that it was
    noticed, nor that there is one. Only the event entity *Duress* tells.
    """
    return FINGERPRINT if method == DURESS_FINGERPRINT else method


class Credential(NamedTuple):
    """What opens the door: operation-method and operation-id."""

    method: int
    operation_id: int

    @property
    def masked(self) -> Credential:
        """The credential as it is shown."""
        return self._replace(method=masked(self.method))
