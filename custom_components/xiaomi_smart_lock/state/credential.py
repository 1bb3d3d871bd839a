"""Credentials that open the door, and their masked form for display. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..model.lock_model import LockModel


def masked(model: LockModel, method: int) -> int:
    """Return the operation-method to show where a person at the door may see it.

    A duress fingerprint is shown as a normal one: an attacker must see neither that the duress was
    noticed, nor that such a fingerprint exists. Only the *Duress* event entity reports it.
    """
    return model.masks.get(method, method)


class Credential(NamedTuple):
    """A credential that opens the door: operation-method and operation-id."""

    method: int
    operation_id: int

    def masked(self, model: LockModel) -> Credential:
        """Return the credential as it is shown, with its method masked."""
        shown = masked(model, self.method)
        return self if shown == self.method else Credential(shown, self.operation_id)
