"""The models of locks that can be simulated, beside the Xiaomi Smart Door Lock 4 Pro."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from custom_components.xiaomi_smart_lock.miot.spec import SPECS

from . import d100e, invented
from .dialect import DIALECTS
from .facts import FACTS
from .generated import generated
from .model import MODEL
from .sibling import Model, Quirks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .published import Item

TWIN: Final = "xiaomi.lock.s2"
"""The model that is taken to be the same lock with one more camera."""
INVENTED: Final = invented.FACTS.model

_BEHIND_A_GATEWAY: Final = Quirks(gateway=True)
_LONG_ID: Final = 2147876869
"""An operation id that was seen, of more than 16 bits."""

# Which models have a gateway is known of some only; for the others it is made up, and so are the
# quirks of the two models of which next to nothing is known.
_QUIRKS: Final[Mapping[str, Quirks]] = {
    "xiaomi.lock.b03": _BEHIND_A_GATEWAY,
    "xiaomi.lock.d100e": Quirks(sleeps=False),
    "loock.lock.r2": _BEHIND_A_GATEWAY,
    "loock.lock.fcl201": _BEHIND_A_GATEWAY,
    "loock.lock.h01lyk": _BEHIND_A_GATEWAY,
    "loock.lock.t3pul": Quirks(gateway=True, dialect=DIALECTS["texts"]),
    "loock.lock.v5": Quirks(gateway=True, operation_id=_LONG_ID, numbers_only=True),
    "lumi.lock.mcn01": Quirks(gateway=True, unreported=frozenset({(3, 1)})),
    "lumi.lock.bmcn05": Quirks(gateway=True, operation_id=_LONG_ID),
    # Observed: an empty list that goes on a week earlier.
    "lumi.lock.mcn002": Quirks(gateway=True, searched_ms=7 * 86_400_000),
}


def services_of_s1() -> list[Item]:
    """Return the services of the first revision, in the form of the integration's own data."""
    file = SPECS / f"{MODEL}.json"
    services: list[Item] = json.loads(file.read_text(encoding="utf-8"))["services"]
    return services


def _services(model: str) -> list[Item]:
    if model == d100e.MODEL:
        return d100e.SERVICES
    return services_of_s1() if model == TWIN else generated(FACTS[model])


MODELS: Final[Mapping[str, Model]] = {
    model: Model(facts=facts, services=_services(model), quirks=_QUIRKS.get(model, Quirks()))
    for model, facts in FACTS.items()
    if model != MODEL
} | {
    INVENTED: Model(
        facts=invented.FACTS,
        services=invented.SERVICES,
        quirks=Quirks(gateway=True),
        languages=invented.LANGUAGES,
    )
}
"""All models but the lock itself, by model id."""
