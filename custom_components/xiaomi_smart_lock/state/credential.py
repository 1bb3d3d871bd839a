"""What opens the door, and how it is shown where anybody may look. No I/O."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..miot.spec import SPEC

OPERATION_POSITION: Final = (2, 1)
OPERATION_METHOD: Final = (2, 2)
USER_ID: Final = (4, 1)
USER_TYPE: Final = (4, 2)
OPERATION_ID: Final = (4, 4)

FINGERPRINT: Final = SPEC.properties[OPERATION_METHOD].value_of("fingerprint")
DURESS_FINGERPRINT: Final = SPEC.properties[OPERATION_METHOD].value_of("duress_fingerprint")
PHONE: Final = 1
"""operation-method (4.3, 22.6); the only one of service 22, whose events leave it out."""


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
