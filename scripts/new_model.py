"""A model file to begin with, for a lock that has no tables; ``scripts/new-model`` starts it.

It takes the URN of a specification that MIoT publishes, a file that has one, or diagnostics of the
integration. The model file goes to standard output; what is understood and what is not, to
standard error.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import sys
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from custom_components.xiaomi_smart_lock.const import ENDPOINTS_VARIABLE
from custom_components.xiaomi_smart_lock.descriptions import described
from custom_components.xiaomi_smart_lock.miot.endpoints import Endpoints, load
from custom_components.xiaomi_smart_lock.miot.errors import CannotConnectError
from custom_components.xiaomi_smart_lock.miot.instance import fetch, is_lock, revision_of
from custom_components.xiaomi_smart_lock.miot.values import objects
from custom_components.xiaomi_smart_lock.model.lock_model import MODELS, NEEDS
from custom_components.xiaomi_smart_lock.model.roles import USER_SERVICE, Role
from custom_components.xiaomi_smart_lock.undescribed import undescribed
from scripts.model_draft import Draft, is_duress, is_plain, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from custom_components.xiaomi_smart_lock.miot.spec import Address, Item, NamedValue

WIDEST: Final = 100  # columns of a line
USAGE: Final = "scripts/new-model URN | scripts/new-model FILE [MODEL]"

MASKS: Final = 'Where duress is confirmed, masks: {"duress_fingerprint": "fingerprint"}'

type Data = Mapping[str, Any]


class NotUnderstoodError(Exception):
    """What was given is neither a specification nor diagnostics that have one."""


@dataclass(frozen=True)
class Source:
    """A specification, and the examples that came with it."""

    model: str
    instance: Data
    events: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What diagnostics have of each kind of event: the values of its arguments by piid."""


def model_name(urn: str) -> str:
    """Return Xiaomi's name of the model of a URN."""
    if revision_of(urn) is None:
        raise NotUnderstoodError(f"{urn or 'nothing'} is no URN of a specification")
    _, _, _, kind, _, product, *_ = urn.split(":")
    maker, _, name = product.partition("-")
    return f"{maker}.{kind}.{name}"


async def published(urn: str) -> Data:
    """Return the specification that MIoT publishes for a URN."""
    path = os.environ.get(ENDPOINTS_VARIABLE)
    endpoints = load(Path(path)) if path else Endpoints()
    tls = ssl.create_default_context(cafile=endpoints.ca_file)
    async with aiohttp.ClientSession() as session:
        return await fetch(session, tls, endpoints, urn)


def source_of(data: Data, wanted: str = "") -> Source:
    """Return the specification in the data of a file: its own, or that of a lock in diagnostics.

    Raises NotUnderstoodError if there is none, or if there are several and none is the wanted one.
    """
    if "services" in data:
        return Source(model_name(data.get("type", "")), data)
    [inner] = objects([data.get("data", data)]) or [{}]
    found = {
        lock["model"]: Source(lock["model"], lock["instance"], lock.get("events", {}))
        for lock in objects(inner.get("locks"))
        if {"model", "instance"} <= lock.keys()
    }
    if wanted in found or len(found) == 1:
        return found[wanted or next(iter(found))]
    names = ", ".join(found) or "no lock of another model"
    raise NotUnderstoodError(f"it has {names}: {USAGE}")


# The model file


def model_file(draft: Draft) -> str:
    """Return the text of a file of tables."""
    bits = draft.bits.door if draft.bits and draft.bits.is_said else None
    tables = [
        f'model="{draft.model}",',
        'name="",  # as the product is called',
        "support=Support.EXPECTED,",
        "# Those that an owner has confirmed. Without any, it is shown and nothing can be done:",
        "# Ability.PEOPLE, Ability.SETTINGS, Ability.SLEEP, Ability.CAMERA",
        "abilities=frozenset(),",
        *_places(draft),
        *_block("words={", "},", _words(draft)),
        *_door_bits(draft),
        *_same_events(draft),
    ]
    if draft.duress:
        tables.append(f"# {MASKS}")
    imports = [
        *(["from .door import DoorBits"] if bits else []),
        *(["from .roles import Role"] if draft.keys or draft.places else []),
        "from .tables import Support, Tables",
    ]
    return "\n".join(
        [
            f'"""The tables of ``{draft.model}``.',
            "",
            f"Source: {draft.spec.urn or 'its specification'}.",
            '"""',
            "",
            "from __future__ import annotations",
            "",
            "from typing import Final",
            "",
            *imports,
            "",
            f"{_constant(draft.model)}: Final = Tables(",
            *_indented(tables),
            ")",
            "",
        ]
    )


def _constant(model: str) -> str:
    name = re.sub(r"\W", "_", model.rpartition(".")[2]).upper()
    return name if name.isidentifier() else f"LOCK_{name}"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


def _block(begin: str, end: str, lines: Iterable[str]) -> list[str]:
    """Return lines between a begin and an end; nothing if there are none."""
    within = list(_indented(lines))
    return [begin, *within, end] if within else []


def _commented(line: str, text: str, depth: int = 3) -> str:
    """Return a line with a text behind it, its signs in half width, that fits at a depth."""
    text = unicodedata.normalize("NFKC", " ".join(text.split()))
    said, width = f"{line}  # ", 4 * depth + len(line) + len("  # ...")
    for sign in text:
        width += 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        if width > WIDEST:
            return f"{said.rstrip()}..."
        said += sign
    return said if text else line


def _role(role: str) -> str:
    return f"Role.{Role(role).name}"


def _place(address: Address) -> str:
    return "({}, {})".format(*address)


def _places(draft: Draft) -> Iterator[str]:
    sure = [f"{_role(role)}: {_place(address)}," for role, address in draft.places.items()]
    maybe = [
        _commented(f"# {_role(role)}: {_place(item.address)},", f"{item.name}: {texts_of(item)}")
        for role in Role
        for item in (*draft.elsewhere(role), *draft.alike(role))
        if role not in draft.places
    ]
    if sure:
        yield from _block("places={", "},", (*sure, *maybe))
    elif maybe:
        yield from ("# places={", *(f"#     {line.removeprefix('# ')}" for line in maybe), "# },")


def _words(draft: Draft) -> Iterator[str]:
    for role, keys in draft.keys.items():
        in_bits = role is Role.DOOR_STATE and draft.bits and draft.bits.is_said
        prop = draft.worded(role)
        if prop is None or in_bits:
            continue
        yield f"{_role(role)}: {{"
        for value in prop.values:
            yield from _indented(_word(role, value.value, keys[value.value], draft))
        yield "},"


def _word(role: Role, number: int, key: str, draft: Draft) -> Iterator[str]:
    prop = draft.worded(role)
    value = prop.named(number) if prop else None
    said = texts_of(value) if value else ""
    if value and is_duress(value) and role is not Role.OPERATION_METHOD:
        yield "# Nobody at the door must see this: an owner has to say how it comes"
        yield _commented(f'# {number}: "",', said)
    elif value and is_duress(value):
        yield "# An owner has to confirm that it is this one, and masks have to name it:"
        yield _commented(f'# {number}: "duress_fingerprint",', said)
    elif key:
        yield _commented(f'{number}: "{key}",', said)
    else:
        yield _commented(f'# {number}: "",', said)


def _door_bits(draft: Draft) -> list[str]:
    if draft.bits is None:
        return []
    bits = draft.bits.door
    lines = [
        "door_bits=DoorBits(",
        "    states={",
        *(f'        {number}: "{key}",' for number, key in bits.states.items()),
        "    },",
        f"    child_lock={bits.child_lock},",
        f"    deadbolt={bits.deadbolt},",
        "),",
    ]
    if draft.bits.is_said:
        return lines
    return [
        "# Its numbers are those of a bit field, whose texts do not say which bit is which:",
        *(f"# {line}" for line in lines),
    ]


def _same_events(draft: Draft) -> Iterator[str]:
    for counts, *others in draft.twice():
        twice = ", ".join(_place(one.address) for one in others)
        yield f"# Twice if both tell of one {counts.name}, same_events: {twice} of {counts.address}"


# What is understood and what is not


def report(source: Source, draft: Draft) -> str:
    """Return what is understood of a model and what is not."""
    lines = [f"{draft.model}, {draft.spec.urn}"]
    if not is_lock(draft.spec.urn):
        lines.append("Its URN is not that of a lock: the integration does not offer it.")
    if (known := MODELS.get(draft.model)) is not None:
        lines.append(f"It has tables already: {known.support}.")
    for title, items in (
        ("Found", _found(draft)),
        ("Found in another service, to be confirmed", _found_elsewhere(draft)),
        ("Not found", (str(role) for role in _missing(draft))),
        ("Values without a word of ours: they keep their text", _unworded(draft)),
        ("Speaks of duress: an owner has to confirm it", _duress(draft)),
        ("What it has", _has(draft)),
        ("Actions: none is done before a table names an ability for it", _actions(draft)),
        ("Shown as they are, also with these tables", _generic(draft)),
        ("Never shown, since they may be secrets", _secret(draft)),
        ("Seen", _seen(source, draft)),
    ):
        if within := list(items):
            lines += ["", title, *(f"  {line}" for line in within)]
    return "\n".join(lines)


def _item(item: Item) -> str:
    return f"{item} {item.name} ({texts_of(item)})"


def _value(value: NamedValue) -> str:
    return f"{value.value} = {texts_of(value) or 'no text'}"


def _found(draft: Draft) -> Iterator[str]:
    for role in Role:
        if role not in NEEDS and (items := draft.found(role)):
            others = ", ".join(map(str, items[1:]))
            yield f"{role}: {_item(items[0])}" + (f"; also {others}" if others else "")


def _found_elsewhere(draft: Draft) -> Iterator[str]:
    for role in Role:
        for item in (*draft.elsewhere(role), *draft.alike(role)):
            yield f"{role}: {_item(item)}"


def _missing(draft: Draft) -> Iterator[Role]:
    for role in Role:
        items = (*draft.found(role), *draft.elsewhere(role), *draft.alike(role))
        if is_plain(role) and not items:
            yield role


def _unworded(draft: Draft) -> Iterator[str]:
    for role, keys in draft.keys.items():
        bits = draft.bits.door.keys() if draft.bits and role is Role.DOOR_STATE else {}
        if prop := draft.worded(role):
            for value in prop.values:
                if not keys[value.value] and not bits.get(value.value) and not is_duress(value):
                    yield f"{prop} {prop.name}: {_value(value)}"


def _duress(draft: Draft) -> Iterator[str]:
    for prop, value in draft.duress:
        yield f"{prop} {prop.name}: {_value(value)}"


def _has(draft: Draft) -> Iterator[str]:
    names = {service.name: service for service in draft.spec.services}
    cameras = [name for name in names if "camera" in name]
    yield f"camera: {', '.join(cameras) or 'no service; it may have one all the same'}"
    bells = [str(item) for item in draft.found(Role.DOORBELL)]
    yield f"bell: {', '.join(bells) or 'none'}"
    users = [name for name in names if name == USER_SERVICE]
    yield f"users and credentials: {', '.join(users) or 'no service'}"
    levels = [str(battery.level) for battery in draft.lock_model.batteries]
    yield f"batteries: {', '.join(levels) or 'none by the standard name'}"
    if draft.bits:
        bits, why = draft.bits.door, "texts" if draft.bits.is_said else "numbers alone"
        yield (
            f"door state: a bit field by its {why}: "
            f"child lock {bits.child_lock}, deadbolt {bits.deadbolt}"
        )
    elif draft.may_have_bits():
        yield "door state: its numbers leave room for bits that are not listed"
    else:
        yield "door state: no bit field"


def _actions(draft: Draft) -> Iterator[str]:
    known = {item.address: role for role in NEEDS for item in draft.found(role)}
    for address, action in draft.spec.actions.items():
        role = known.get(address)
        yield _item(action) + (f": {role}, {NEEDS[role].name}" if role else "")


def _generic(draft: Draft) -> Iterator[str]:
    model = draft.lock_model
    for platform, items in sorted(undescribed(model, described(model)).items()):
        for one in items:
            yield f"{platform}: {_item(one.item)}"


def _secret(draft: Draft) -> Iterator[str]:
    properties = draft.spec.properties
    return (_item(properties[address]) for address in sorted(draft.lock_model.secret))


def _seen(source: Source, draft: Draft) -> Iterator[str]:
    events = {str(event): event for event in draft.spec.events.values()}
    for address, values in source.events.items():
        if event := events.get(address):
            told = []
            for argument in event.arguments:
                value = values.get(str(argument.address[1]))
                named = argument.named(value) if isinstance(value, int) else None
                meaning = f" ({texts_of(named)})" if named and texts_of(named) else ""
                told.append(f"{argument.name} {value}{meaning}")
            yield f"{address} {event.name}: {', '.join(told)}"


async def read(argument: str, wanted: str = "") -> Source:
    """Return what an argument of the command is about.

    Raises NotUnderstoodError, CannotConnectError or OSError.
    """
    if argument.startswith("urn:"):
        model = model_name(argument)
        return Source(model, await published(argument))
    text = await asyncio.to_thread(Path(argument).read_text, encoding="utf-8")
    try:
        data = json.loads(text)
    except ValueError as error:
        raise NotUnderstoodError(f"{argument} is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise NotUnderstoodError(f"{argument} is no specification and no diagnostics")
    return source_of(data, wanted)


async def main(arguments: Sequence[str]) -> int:
    """Print the model file and the report; return the exit code."""
    if len(arguments) not in (1, 2):
        print(USAGE, file=sys.stderr)
        return 2
    try:
        source = await read(*arguments)
        draft = Draft(source.model, source.instance)
        text, understood = model_file(draft), report(source, draft)
    except (NotUnderstoodError, CannotConnectError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(text, end="")
    print(understood, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
