"""Pin what the tests and the demo need, for each Python: ``requirements/NAME.txt``.

The clients that judge the simulator are pinned each by itself: ``requirements/peers/NAME.txt``.
What builds the packages that are published as source only is in ``requirements/build.txt``. All
pins have the hashes of all files of their version, and no address. With ``--keep``, versions that
are pinned already stay.

Home Assistant does not declare what its components need: each names it in its manifest, and Home
Assistant installs it when the component is first set up. Here nothing is installed at run time, so
the requirements of all components that are used are collected and pinned along with the rest.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROJECT: Final = Path(__file__).parent.parent
REQUIREMENTS: Final = PROJECT / "requirements"
INTEGRATION: Final = PROJECT / "custom_components/xiaomi_smart_lock"

PYTHONS: Final = {"3.13": "3.13.0", "3.14": "3.14.2", "3.14-newest": "3.14.2"}
"""By the names of the pins, the oldest release of Python that their Home Assistant runs on."""

COMPONENTS: Final = (
    # Always set up by Home Assistant, in one of the versions at least, and in need of something.
    *("assist_satellite", "backup", "camera", "conversation", "frontend", "hardware", "hassio"),
    *("infrared", "network", "radio_frequency", "tts"),
    # Used by the tests, the demo or the benchmarks.
    *("config", "diagnostics", "history", "image", "logbook", "media_source", "mobile_app"),
    *("mqtt", "recorder", "stream", "system_log", "webhook", "zeroconf"),
)


OLDEST: Final = next(iter(PYTHONS.values()))
BUILD: Final = REQUIREMENTS / "build.in"
"""What builds may run code too, so that these are pinned first, and used by all that follows."""

_PLAIN: Final = (
    *("compile", "--quiet", "--generate-hashes"),
    *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
)
_VERIFIED: Final = ("--build-constraints", str(BUILD.with_suffix(".txt")), "--require-build-hashes")


def main(arguments: list[str]) -> None:
    """Compile the requirements of every Home Assistant that we try, and of every peer."""
    plain = (*_PLAIN, *(() if "--keep" in arguments else ("--upgrade",)))
    compile_plain(BUILD, *plain)
    for name, oldest in PYTHONS.items():
        with TemporaryDirectory() as directory:
            compile_pins(REQUIREMENTS / f"{name}.in", oldest, Path(directory), *plain)
    for source in sorted((REQUIREMENTS / "peers").glob("*.in")):
        compile_plain(source, *plain, *_VERIFIED)


def compile_plain(source: Path, *options: str) -> None:
    """Write the pins of a source for the oldest Python, beside it."""
    pins = str(source.with_suffix(".txt"))
    uv(*options, "--python-version", OLDEST, "--output-file", pins, str(source))


def compile_pins(source: Path, version: str, directory: Path, *options: str) -> None:
    """Write the pins of a source for a version of Python, beside it.

    The directory is for the Home Assistant that it names: its manifests and constraints count.
    """
    python = ("--python-version", version)
    home_assistant = next(
        line for line in source.read_text().splitlines() if line.startswith("homeassistant==")
    )
    uv("install", "--quiet", "--no-deps", *python, "--target", str(directory), home_assistant)
    components = directory / "homeassistant/components"
    manifests = [read_manifest(INTEGRATION), *walk(components, COMPONENTS)]
    uv(
        *(*options, *_VERIFIED),
        *python,
        *("--constraint", str(directory / "homeassistant/package_constraints.txt")),
        *("--output-file", str(source.with_suffix(".txt"))),
        *(str(source), str(REQUIREMENTS / "base.in"), "-"),
        stdin="\n".join(line for manifest in manifests for line in manifest["requirements"]),
    )


def walk(components: Path, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the manifests of components and of all that they depend on, each once.

    A component that this Home Assistant does not have yet is left out.
    """
    seen = set[str]()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in seen or not (components / name).exists():
            continue
        seen.add(name)
        manifest = read_manifest(components / name)
        waiting += manifest.get("dependencies", [])
        yield {"requirements": [], **manifest}


def read_manifest(component: Path) -> dict[str, Any]:
    """Return the manifest of a component, as written."""
    manifest: dict[str, Any] = json.loads((component / "manifest.json").read_text("utf-8"))
    return manifest


def uv(*arguments: str, stdin: str = "") -> None:
    """Run ``uv pip`` with the arguments; what it complains about is shown as it is."""
    subprocess.run(["uv", "pip", *arguments], input=stdin, text=True, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
