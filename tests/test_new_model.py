"""The model file that ``scripts/new-model`` begins, and what it says of a lock."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
from homeassistant.components.diagnostics import REDACTED

from custom_components.xiaomi_smart_lock.model import tables as of_tables
from custom_components.xiaomi_smart_lock.model.lock_model import MODELS as OURS
from custom_components.xiaomi_smart_lock.model.lock_model import model_with
from custom_components.xiaomi_smart_lock.model.tables import Support, Tables
from scripts.new_model import main
from scripts.specification import PROJECT
from simulator.facts import FACTS
from simulator.revision_4 import REVISION
from simulator.siblings import INVENTED, MODELS

from .lock_driver import LockDriver, until
from .lock_harness import diagnostics, running_lock
from .siblings import keys, sibling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from homeassistant.core import HomeAssistant

PACKAGE: Final = of_tables.__name__.rpartition(".")[0]
DURESS: Final = "duress_fingerprint"
SPOKEN_OF: Final = ("xiaomi.lock.m30fa", "loock.lock.r2", INVENTED)
"""Models of different families, each of whose specifications speaks of duress."""


class Printed(NamedTuple):
    """What the command printed: the model file and its tables, and the report."""

    text: str
    tables: Tables
    report: str


@pytest.fixture
def begin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that starts the command with a file of some data."""

    async def begin(data: object, *more: str) -> Printed:
        path = tmp_path / "data.json"
        path.write_text(json.dumps(data), encoding="utf-8")
        assert await main([str(path), *more]) == 0
        text, report = capsys.readouterr()
        return Printed(text, tables_in(tmp_path / "new.py", text), report)

    return begin


def tables_in(path: Path, text: str) -> Tables:
    """Return the tables of a model file, imported as one of the integration's."""
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"{PACKAGE}.new", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    [tables] = [one for one in vars(module).values() if isinstance(one, Tables)]
    return tables


def instance(model: str) -> dict[str, Any]:
    """Return the specification of a simulated model."""
    return {"type": MODELS[model].facts.urn, "services": MODELS[model].services}


def section(report: str, title: str) -> str:
    """Return what stands below a title."""
    _, _, after = report.partition(f"\n{title}")
    return after.partition("\n\n")[0]


def methods(text: str) -> Iterator[str]:
    """Yield the lines of a model file that have the key of duress."""
    return (line.strip() for line in text.splitlines() if f'"{DURESS}",' in line)


@pytest.mark.parametrize("model", ["xiaomi.lock.m30fa", "loock.lock.r2"])
async def test_of_a_known_family(begin: Any, model: str) -> None:
    """The words and the bits of the door are those of our own tables."""
    printed = await begin(instance(model))
    ours, theirs = OURS[model], printed.tables
    assert theirs.model == model
    assert theirs.support is Support.EXPECTED
    for role in ours.words:
        expected = {number: key for number, key in ours.words[role].items() if key != DURESS}
        assert theirs.words[role] == {**expected, **theirs.words[role]}
        assert expected.keys() == theirs.words[role].keys()
    assert ours.door_bits
    assert theirs.door_bits
    assert theirs.door_bits.child_lock == ours.door_bits.child_lock
    assert theirs.door_bits.deadbolt == ours.door_bits.deadbolt
    assert theirs.door_bits.states.items() <= ours.door_bits.states.items()
    assert "It has tables already: expected." in printed.report
    assert "a bit field by its texts" in section(printed.report, "What it has")


async def test_of_a_model_that_nobody_knows(begin: Any) -> None:
    """Texts in Chinese alone are understood; what is not is said."""
    printed = await begin(instance(INVENTED))
    assert printed.tables.words["lock:operation-method"] == {
        2: "face",
        4: "inside_button",
        7: "password",
        9: "fingerprint",
        30: "manual",
    }
    assert printed.tables.words["door:door-state"] == {10: "closed", 20: "not_closed"}
    assert "lock:anti-lock" in section(printed.report, "Not found")
    assert "sensor: 7.12 volume" in section(printed.report, "Shown as they are")
    has = section(printed.report, "What it has")
    for line in ("camera: no service", "bell: 12.1", "users and credentials: no", "no bit field"):
        assert line in has


@pytest.mark.parametrize("model", MODELS)
async def test_it_allows_nothing(begin: Any, model: str) -> None:
    """No table that it prints lets anything be done, or takes a number for duress."""
    printed = await begin(instance(model))
    assert not printed.tables.abilities
    assert not printed.tables.masks
    of_words = printed.tables.words.values()
    assert DURESS not in {key for one in of_words for key in one.values()}
    assert model_with(model, instance(model)).spec.urn == MODELS[model].facts.urn


@pytest.mark.parametrize("model", SPOKEN_OF)
async def test_duress_is_for_an_owner_to_confirm(begin: Any, model: str) -> None:
    """A method that speaks of it is a line that counts for nothing, and is said."""
    printed = await begin(instance(model))
    number = MODELS[model].facts.number("method", "duress")
    [line] = methods(printed.text)
    assert line.startswith(f'# {number}: "{DURESS}",')
    assert f"operation-method: {number} = " in section(printed.report, "Speaks of duress")


async def test_an_alarm_of_duress(begin: Any) -> None:
    """An exception that speaks of it gets no word either."""
    data = json.loads(json.dumps(instance("xiaomi.lock.m30fa")))
    [alarm] = [
        prop
        for service in data["services"]
        for prop in service["properties"]
        if prop["type"].endswith(":abnormal-condition")
    ]
    alarm["value-list"][1] |= {"description": "Possible tampering", "description_zh": "胁迫报警"}
    printed = await begin(data)
    number = alarm["value-list"][1]["value"]
    assert number not in printed.tables.words["lock:abnormal-condition"]
    assert f'# {number}: "",  # Possible tampering · 胁迫报警' in printed.text
    assert f"abnormal-condition: {number} = " in section(printed.report, "Speaks of duress")


@pytest.mark.parametrize("model", MODELS)
async def test_its_form(begin: Any, model: str) -> None:
    """It can be taken into the project as it is."""
    printed = await begin(instance(model))
    place = ["--stdin-filename", "custom_components/xiaomi_smart_lock/model/new.py", "-"]
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(  # noqa: S603, ASYNC221, our own words
            [sys.executable, "-m", "ruff", *command, *place],
            input=printed.text,
            capture_output=True,
            text=True,
            check=False,
            cwd=PROJECT,
        )
        assert done.returncode == 0, done.stdout


async def test_values_without_a_word(begin: Any) -> None:
    """They are in the file as comments with their texts, and in the report."""
    data = instance("loock.lock.v5")
    printed = await begin(data)
    assert '# 0: "",  # Bluetooth · 蓝牙\n' in printed.text
    assert "0 = Bluetooth" in section(printed.report, "Values without a word of ours")


async def test_places(begin: Any) -> None:
    """What has its name in another service has its place there; actions never have one."""
    printed = await begin(instance("xiaomi.lock.d100e"))
    assert printed.tables.places == OURS["xiaomi.lock.d100e"].places
    assert "18.1 remote-unlock-e" in section(printed.report, "Actions")


async def test_a_door_without_texts_that_tell_its_bits(begin: Any) -> None:
    """That its numbers look like those of a bit field is said, and taken for nothing."""
    data = json.loads(json.dumps(instance("xiaomi.lock.m30fa")))
    [door] = [
        prop
        for service in data["services"]
        for prop in service["properties"]
        if prop["type"].endswith(":door-state")
    ]
    for value in door["value-list"]:
        if value["value"] > FACTS["xiaomi.lock.m30fa"].bits["child_lock"]:
            value |= {"description": f"State {value['value']}", "description_zh": ""}
    printed = await begin(data)
    assert printed.tables.door_bits is None
    assert "a bit field by its numbers alone: child lock 16, deadbolt 32" in printed.report


@pytest.mark.parametrize("model", ["loock.lock.v5", "loock.lock.r2", INVENTED])
async def test_from_diagnostics(
    hass: HomeAssistant, driver: LockDriver, begin: Any, model: str
) -> None:
    """A file of diagnostics says all that the specification does, and what was seen."""
    facts = MODELS[model].facts
    async with sibling(hass, driver, model) as harness:
        word = next(iter(facts.words["method"].values()))
        harness.driver.do("unlock", word, operation_id=7)
        generic = "event.event_{}_{}".format(*facts.event)
        key = generic if generic in keys(hass, harness) else "event.lock_event"
        await until(lambda: harness.state(*key.split(".")) != "unknown")
        told = await diagnostics(hass, harness.entry)
    [lock] = told["locks"]
    assert lock["model"] == model
    assert lock["support"] == (OURS[model].support if model in OURS else "generic")
    assert lock["instance"]["type"] == facts.urn
    seen = lock["events"]["{}.{}".format(*facts.event)]
    # A time that comes in another format than the specification's is not there at all.
    assert seen.get(facts.arguments["time"], REDACTED) == REDACTED
    assert seen[facts.arguments["id"]] == 7
    assert str(harness.driver.lock.time)[:6] not in json.dumps(lock["events"])

    from_file = await begin({"home_assistant": {}, "data": told})
    assert f"{facts.event[0]}.{facts.event[1]}" in section(from_file.report, "Seen")
    of_instance = await begin(instance(model))
    assert from_file.tables.words == of_instance.tables.words
    assert from_file.text == of_instance.text


async def test_newer_firmware_of_a_supported_lock(hass: HomeAssistant, driver: LockDriver) -> None:
    """Its specification is in the diagnostics, once it was learned."""
    add_lock = driver.simulator.add_lock
    lock = driver.simulation.call(add_lock, driver.account, "Gate", revision=REVISION)
    side = LockDriver(driver.simulation, driver.account, lock)
    async with running_lock(hass, side) as harness:
        await until(lambda: "event.event_2_40" in keys(hass, harness))
        [told] = (await diagnostics(hass, harness.entry))["locks"]
    assert told["instance"]["type"] == told["specification"] == lock.urn
    assert told["support"] == Support.SUPPORTED


async def test_from_a_urn(
    hass: HomeAssistant, driver: LockDriver, begin: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """What MIoT publishes is fetched, with its texts in both languages."""
    assert await main([MODELS[INVENTED].facts.urn]) == 0
    text, _ = capsys.readouterr()
    assert text == (await begin(instance(INVENTED))).text


@pytest.mark.parametrize(
    ("data", "more", "said"),
    [
        ([], (), "no specification and no diagnostics"),
        ({"data": {"locks": [{"firmware": "1"}]}}, (), "no lock of another model"),
        ({"services": [], "type": "urn:x"}, (), "urn:x is no URN"),
        (
            {
                "locks": [
                    {"model": one, "instance": instance(one)}
                    for one in ("loock.lock.r2", "loock.lock.v5")
                ]
            },
            (),
            "loock.lock.r2, loock.lock.v5",
        ),
        ({"services": [], "type": "urn:miot-spec-v2:device:lock:0:a-b:1"}, (), "another shape"),
    ],
)
async def test_what_is_not_understood(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    data: object,
    more: tuple[str, ...],
    said: str,
) -> None:
    """It is said in a line."""
    path = tmp_path / "data.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    assert await main([str(path), *more]) == 1
    text, report = capsys.readouterr()
    assert not text
    assert said in report


async def test_one_of_several(begin: Any) -> None:
    """Of diagnostics with several models, one is chosen by its name."""
    locks = [
        {"model": one, "instance": instance(one)} for one in ("loock.lock.r2", "loock.lock.v5")
    ]
    printed = await begin({"data": {"locks": locks}}, "loock.lock.v5")
    assert printed.tables.model == "loock.lock.v5"
