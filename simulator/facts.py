"""What is known of models of locks: ``models.json`` read, resolved and completed. No I/O but that.

The file has each fact as it was found: numbers, words, and remarks such as "as r2". Where a model
needs more than is known, ``ASSUMED`` says which other model it is taken from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from custom_components.xiaomi_smart_lock.miot.spec import Address

FILE: Final = Path(__file__).parent / "models.json"

type Raw = Mapping[str, Any]
"""What the file has of a model."""
type Numbers = Mapping[int, str]
"""The words of values, by number."""

ASSUMED: Final[Mapping[str, Raw]] = {
    # As its specification has it.
    "xiaomi.lock.s1": {
        "exception_values": {
            "9": "prised",
            "11": "inside_after_away",
            "12": "reset",
            "23": "not_closed",
            "24": "ajar",
        }
    },
    "xiaomi.lock.s2": {"family": "as s1", "camera": True},
    "xiaomi.lock.m30fa": {"battery": ["4.1003"]},
    "loock.lock.r2": {
        "exception": "2.1007 piid 6 (9 prised,11 inside after away,12 reset,23 not closed,24 ajar)"
    },
    # The shapes below are made up, so that there are locks that have them.
    "loock.lock.v5": {"exception": "2.4 piid 3"},
    "loock.lock.t3pul": {"family": "as r2"},
    "lumi.lock.wbmcn1": {
        "family": "as r2",
        "event": "3.1020",
        "door": "3.1021",
        "exception": "3.1007 piid 6",
        "exception_values": "as r2",
    },
    "lumi.lock.mcn01": {"family": "as v5", "exception": "", "lock_status": ""},
    "lumi.lock.bmcn05": {
        "family": "as v5",
        "method": {"1": "phone", "2": "fingerprint", "3": "password", "4": "nfc"},
        "exception": "",
        "lock_status": "",
    },
    "lumi.lock.mcn002": {"door_state": "as r2", "exception_values": "as r2"},
    "chuangmi.door.515a01": {
        "position": "as r2",
        "door": "3.1021",
        "door_state": "as s1",
        "exception_values": "as r2",
        "battery": ["4.1003"],
    },
}
"""What is not known, by model; what is known comes first."""

KINDS: Final = ("position", "method", "action", "door_state", "type")
_OF_ONE_MODEL: Final = ("name", "urn", "src", "pdid", "trap", "camera", "family", "connection")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known or assumed of a model.

    ``arguments`` and ``exception_arguments`` are the piids of an event's arguments by their names,
    in the order in which they are sent. ``words`` has the words of the values of each of KINDS.
    ``bits`` is what is added to a door state while the deadbolt or the child lock is on.
    """

    model: str
    name: str
    urn: str
    source: str
    """Where the facts are from, as the letters of the file."""
    assumed: frozenset[str]
    """The names of the file's fields that are not known but taken from another model."""
    event: Address
    arguments: Mapping[str, int]
    texts: frozenset[str]
    """The arguments that the specification declares as text."""
    wide: bool
    """Whether operation ids have 32 bits instead of 16."""
    words: Mapping[str, Numbers]
    door: Address | None
    bits: Mapping[str, int]
    exception: Address | None
    exception_arguments: Mapping[str, int]
    lock_state: Address | None
    batteries: tuple[Address, ...]
    bells: tuple[Address, ...]
    camera: bool

    @cached_property
    def _numbers(self) -> Mapping[str, Mapping[str, int]]:
        """The numbers of words, the first one if several have the same word."""
        return {
            kind: {word: number for number, word in reversed(list(words.items()))}
            for kind, words in self.words.items()
        }

    def number(self, kind: str, *words: str) -> int:
        """Return the number of the first word that the model has; raises LookupError if none."""
        numbers = self._numbers.get(kind, {})
        for word in words:
            if word in numbers:
                return numbers[word]
        raise LookupError(f"{self.model} has no {kind} {' or '.join(words)}")

    def has(self, kind: str, *words: str) -> bool:
        """Return whether the model has one of the words."""
        return any(word in self._numbers.get(kind, {}) for word in words)


def word(text: str) -> str:
    """Return a word of the file without its remark in parentheses, and without spaces."""
    return re.sub(r" *\(.*?\)", "", text).strip().replace(" ", "_")


def address(text: str) -> Address | None:
    """Return the first address in a text, None if there is none."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _addresses(texts: Iterable[str]) -> tuple[Address, ...]:
    return tuple(found for found in map(address, texts) if found)


def _listed(text: str) -> dict[int, str]:
    """Return the words of a list such as "1 locked,2 unlocked,19..22 batteries"."""
    listed: dict[int, str] = {}
    for part in re.split(r"[,;:{}]", text):
        if found := re.fullmatch(r"(?:[a-z ]*)(\d+)(?:\.\.(\d+))? ([a-z][a-z_ ]*)", part):
            last = int(found[2] or found[1])
            listed |= dict.fromkeys(range(int(found[1]), last + 1), word(found[3]))
    return listed


def _numbers(text: str) -> set[int]:
    """Return the numbers of ranges such as "1..7,9..12"."""
    return {
        number
        for first, last in re.findall(r"(\d+)(?:\.\.(\d+))?", text)
        for number in range(int(first), int(last or first) + 1)
    }


def _full_name(short: str) -> str:
    [model] = [model for model in _FILE if model.endswith(f".{short}")]
    return model


def _referred(text: object) -> tuple[str, str] | None:
    """Return the model that a remark such as "as r2" refers to, and what stands before."""
    found = re.search(r"(.*)\bas ([a-z0-9]+)", text) if isinstance(text, str) else None
    return (_full_name(found[2]), found[1]) if found else None


def _joined(model: str) -> dict[str, Any]:
    """Return what is known or assumed of a model, with what it takes from its family."""
    known: dict[str, Any] = dict(_FILE[model])
    if "args" in known and not any("=" in argument for argument in known["args"]):
        del known["args"]
    joined = {**ASSUMED.get(model, {}), **known}
    if referred := _referred(joined.get("family")):
        of_family = _joined(referred[0])
        joined = {key: of_family[key] for key in of_family if key not in _OF_ONE_MODEL} | joined
        joined.setdefault("camera", "camera" in joined["family"])
    for kind in KINDS:
        if isinstance(more := joined.pop(f"{kind}_extra", None), dict):
            joined[kind] = {**_table(joined, kind), **{int(one): more[one] for one in more}}
    return joined


def _table(joined: Raw, kind: str) -> dict[int, str]:
    """Return the words of a kind of values by number."""
    stated = joined.get(kind)
    if referred := _referred(stated):
        return _table(_joined(referred[0]), kind)
    if isinstance(stated, str):
        return _listed(stated)
    table = {
        int(number): word(said)
        for number, said in (stated or {}).items()
        # Other texts describe a bit field, or a state that consists of several.
        if number != "_" and said != "?" and "," not in said
    }
    remark = (stated or {}).get("_", "")
    return table or _listed(remark)


def _exceptions(joined: Raw) -> dict[int, str]:
    """Return the words of exceptions by number."""
    if stated := joined.get("exception_values") or joined.get("alarm"):
        if referred := _referred(stated):
            return _exceptions(_joined(referred[0]))
        return {int(number): word(said) for number, said in stated.items()}
    remark = re.search(r"\((.*)\)", joined.get("exception", ""))
    if remark is None:
        return {}
    if referred := _referred(remark[1]):
        of_other = _exceptions(_joined(referred[0]))
        return {
            number: of_other[number]
            for number in sorted(_numbers(referred[1]))
            if number in of_other
        }
    return _listed(remark[1])


def _bits(joined: Raw) -> dict[str, int]:
    stated = joined.get("door_state")
    if referred := _referred(stated):
        return _bits(_joined(referred[0]))
    remark = stated.get("_", "") if isinstance(stated, Mapping) else ""
    return {
        word(name): int(bit) for bit, name in re.findall(r"\+(\d+) (child lock|deadbolt)", remark)
    }


def _exception_arguments(stated: str, arguments: Mapping[str, int]) -> dict[str, int]:
    """Return the piids by name; of those given, the one that no other argument has is its own."""
    if named := re.findall(r"(\w+)=(\d+)", stated):
        return {"exception" if name == "type" else name: int(piid) for name, piid in named}
    found = re.search(r"piids? ([\d,]+)", stated)
    if found is None:
        return {}
    names = {piid: name for name, piid in arguments.items()}
    piids = [int(piid) for piid in found[1].split(",")]
    own = {names.get(piid, "exception"): piid for piid in piids}
    # The only piid that is given is that of the exception; its time follows, as s1 has it.
    return own if len(own) > 1 or "time" not in arguments else {**own, "time": arguments["time"]}


def _arguments(joined: Raw) -> tuple[dict[str, int], frozenset[str]]:
    stated = joined.get("args") or re.findall(r"\w+=\d+", joined["event"].partition(";")[0])
    arguments: dict[str, int] = {}
    texts = set()
    for argument in stated:
        found = re.match(r"(\w+)=(\d+)", argument)
        if found:  # One in parentheses is not sent.
            arguments[found[1]] = int(found[2])
            texts |= {found[1]} if "string" in argument else set()
    return arguments, frozenset(texts)


def _urn(model: str, stated: str) -> str:
    """Return the URN of a model; one that is not known has the form of the others."""
    vendor, _, name = model.split(".")
    if stated.startswith("urn:"):
        return stated.partition(" ")[0]
    revision = re.search(r":(\d+)", stated)
    return f"urn:miot-spec-v2:device:lock:0000A038:{vendor}-{name}:{revision[1] if revision else 1}"


def _facts(model: str) -> Facts:
    known, joined = _FILE[model], _joined(model)
    arguments, texts = _arguments(joined)
    exception = joined.get("exception") or joined["event"].partition(", ")[2]
    if "alarm" in joined:
        exception = joined["event"].partition("; ")[2]
    words = {kind: _table(joined, kind) for kind in KINDS}
    lock_state = joined.get("lock_state") or joined.get("lock_status") or ""
    trap = joined.get("trap", "")
    return Facts(
        model=model,
        name=known.get("name", "?"),
        urn=_urn(model, known.get("urn", "")),
        source=known["src"],
        assumed=frozenset(joined) - frozenset(known),
        event=address(joined["event"]) or (2, 1020),
        arguments=arguments,
        texts=texts | ({"time"} if "declared string" in trap else frozenset()),
        wide="uint32" in f"{trap} {joined.get('args')}",
        words={
            **words,
            "exception": _exceptions(joined),
            "lock_state": _listed(lock_state),
        },
        door=address(joined.get("door") or str(joined.get("door_state", ""))),
        bits=_bits(joined),
        exception=address(exception),
        exception_arguments=_exception_arguments(exception, arguments),
        lock_state=address(lock_state),
        batteries=_addresses(joined.get("battery", ())),
        bells=_addresses(joined.get("bell", ())),
        camera=bool(joined.get("camera")),
    )


_FILE: Final[Mapping[str, Raw]] = {
    model: facts
    for model, facts in json.loads(FILE.read_text(encoding="utf-8")).items()
    if not model.startswith("_")
}
FACTS: Final[Mapping[str, Facts]] = {model: _facts(model) for model in _FILE}
"""What is known or assumed of each model of the file."""
