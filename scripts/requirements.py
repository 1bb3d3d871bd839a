"""Pin the requirements of the tests and the demo, for each Python: ``requirements/NAME.txt``.

Each client that the simulator is verified with has its own pins: ``requirements/peers/NAME.txt``.
The build tools of packages that are published as source only are in ``requirements/build.txt``. All
pins have the hashes of all files of their version, and no index address. With ``--keep``, versions
that are pinned already stay.

Home Assistant does not declare the requirements of its components: each lists them in its manifest,
and Home Assistant installs them when the component is first set up. Here nothing is installed at
run time: the requirements of all components in use are collected, and pinned with the rest.
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
"""The oldest Python release that a Home Assistant runs on, by the name of its pins."""

COMPONENTS: Final = (
    # Always set up by Home Assistant, in at least one of the versions, and with requirements.
    *("assist_satellite", "backup", "camera", "conversation", "frontend", "hardware", "hassio"),
    *("infrared", "network", "radio_frequency", "tts"),
    # Used by the tests, the demo or the benchmarks.
    *("config", "diagnostics", "history", "image", "logbook", "media_source", "mobile_app"),
    *("mqtt", "recorder", "stream", "system_log", "webhook", "zeroconf"),
)


OLDEST: Final = next(iter(PYTHONS.values()))
BUILD: Final = REQUIREMENTS / "build.in"
"""The build tools. They may run code too: they are pinned first, for use in all other pins."""

_PLAIN: Final = (
    *("compile", "--quiet", "--generate-hashes"),
    *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
)
_VERIFIED: Final = ("--build-constraints", str(BUILD.with_suffix(".txt")), "--require-build-hashes")


def main(arguments: list[str]) -> None:
    """Compile the pins of every tested Home Assistant, and of every peer."""
    plain = (*_PLAIN, *(() if "--keep" in arguments else ("--upgrade",)))
    compile_plain(BUILD, *plain)
    for name, oldest in PYTHONS.items():
        with TemporaryDirectory() as directory:
            compile_pins(REQUIREMENTS / f"{name}.in", oldest, Path(directory), *plain)
    for source in sorted((REQUIREMENTS / "peers").glob("*.in")):
        compile_plain(source, *plain, *_VERIFIED)


def compile_plain(source: Path, *options: str) -> None:
    """Write the pins of a source file beside it, for the oldest Python."""
    pins = str(source.with_suffix(".txt"))
    uv(*options, "--python-version", OLDEST, "--output-file", pins, str(source))


def compile_pins(source: Path, version: str, directory: Path, *options: str) -> None:
    """Write the pins of a source file beside it, for a version of Python.

    The Home Assistant that the file names is installed to the directory, since its manifests and
    constraints apply.
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
    """Run ``uv pip`` with the arguments. Its messages are shown unchanged."""
    subprocess.run(["uv", "pip", *arguments], input=stdin, text=True, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
