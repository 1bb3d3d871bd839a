"""What the tests install is what was pinned, whatever is sent in its place."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
from io import BytesIO
from typing import TYPE_CHECKING, Final
from zipfile import ZipFile

import pytest

from scripts.package import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

REQUIREMENTS: Final = PROJECT / "requirements"
PINS: Final = sorted(REQUIREMENTS.rglob("*.txt"))
PIN: Final = r"[a-z0-9-]+==[\w.]+( \\\n    --hash=sha256:[0-9a-f]{64})+\n"

ABOUT: Final = "Metadata-Version: 2.1\nName: {}\nVersion: 1.0\n"
BACKEND: Final = """
import shutil

def build_wheel(directory, *_):
    return shutil.copy("made.whl", f"{directory}/made-1.0-py3-none-any.whl").rpartition("/")[2]
"""
"""Builds a package by copying the wheel that its source has."""


def test_every_source_of_pins_has_pins() -> None:
    """The base is part of each Home Assistant's."""
    sources = {path.with_suffix(".txt") for path in REQUIREMENTS.rglob("*.in")}
    assert sources - {REQUIREMENTS / "base.txt"} == set(PINS)


@pytest.mark.parametrize("pins", PINS, ids=lambda path: str(path.relative_to(REQUIREMENTS)))
def test_every_pin_has_hashes(pins: Path) -> None:
    """There is nothing else, so that no address or option of an installer slips in."""
    assert re.fullmatch(f"({PIN})+", pins.read_text())


def made(directory: Path, name: str = "made") -> Path:
    """Return a wheel that has nothing in it."""
    path = directory / f"{name}-1.0-py3-none-any.whl"
    files = {
        "METADATA": ABOUT.format(name),
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with ZipFile(path, "w") as zipped:
        for file, content in files.items():
            zipped.writestr(f"{name}-1.0.dist-info/{file}", content)
    return path


def made_as_source(directory: Path, *builders: str) -> Path:
    """Return a package as source, which others are needed to build."""
    wheel = made(directory)
    project = f"""
[build-system]
requires = {list(builders)}
build-backend = "backend"
backend-path = ["."]
"""
    files = {
        "PKG-INFO": ABOUT.format("made").encode(),
        "pyproject.toml": project.encode(),
        "backend.py": BACKEND.encode(),
        "made.whl": wheel.read_bytes(),
    }
    wheel.unlink()
    path = directory / "made-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"made-1.0/{name}")
            info.size = len(content)
            archive.addfile(info, BytesIO(content))
    return path


def install(package: Path, digest: str) -> subprocess.CompletedProcess[str]:
    """Have the scripts install a package from where it lies; return how that ended."""
    directory = package.parent
    pins = directory / "pins.txt"
    pins.write_text(pin("made", digest))
    places = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(directory), "UV_CACHE_DIR": f"{directory}/c"}
    made_there = (sys.executable, str(directory / "made"), str(pins))
    return scripted('make_environment "$@"', *made_there, **places)


def scripted(lines: str, *arguments: str, **places: str) -> subprocess.CompletedProcess[str]:
    """Run lines with what all entries of scripts share; return how that ended."""
    command = ["bash", "-euo", "pipefail", "-c", f". scripts/lib/environment.sh; {lines}", "lines"]
    return subprocess.run(  # noqa: S603, of our own words
        [*command, *arguments],
        cwd=PROJECT,
        env={**os.environ, **places},
        check=False,
        capture_output=True,
        text=True,
    )


def pin(name: str, digest: str) -> str:
    """Return the pin of a package, with a hash if there is one."""
    return f"{name}==1.0" + f" \\\n    --hash=sha256:{digest}" * bool(digest) + "\n"


def digest_of(package: Path) -> str:
    """Return the hash that a pin of this very package has."""
    return hashlib.sha256(package.read_bytes()).hexdigest()


def test_only_what_was_pinned_is_installed(tmp_path: Path) -> None:
    """Neither what has another hash, nor what has none."""
    wheel = made(tmp_path)
    digest = digest_of(wheel)
    done = install(wheel, digest)
    assert done.returncode == 0, done.stderr
    for wrong, reason in ((digest[::-1], "Hash mismatch"), ("", "--require-hashes")):
        done = install(wheel, wrong)
        assert done.returncode == 1
        assert reason in done.stderr
        assert "==> This was not installed" in done.stderr


def test_only_what_was_pinned_builds(tmp_path: Path) -> None:
    """What is published as source is as good as what builds it, which runs."""
    (tmp_path / "alone").mkdir()
    source = made_as_source(tmp_path / "alone")
    done = install(source, digest_of(source))
    assert done.returncode == 0, done.stderr
    source = made_as_source(tmp_path, "builder")
    made(tmp_path, "builder")
    done = install(source, digest_of(source))
    assert done.returncode == 1
    assert "builder" in done.stderr
    assert "==> This was not installed" in done.stderr


def test_only_the_uv_that_was_pinned_is_fetched(tmp_path: Path) -> None:
    """Since it verifies the rest, pip verifies it."""
    pins = tmp_path / "requirements/3.14.txt"
    pins.parent.mkdir()
    digest = digest_of(made(tmp_path, "uv"))
    pins.write_text("".join(pin(name, digest) for name in ("tzdata", "uv", "voluptuous")))
    # Not every Python can make an environment that has pip: this one tells what it is to do.
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "$@"; for file; do :; done; cat "$file"\n')
    python.chmod(0o755)
    done = scripted('project=$1; fetch_uv true "$1"', str(tmp_path))
    command, _, requirement = done.stderr.partition("\n")
    assert re.search("-m pip install .* --require-hashes --requirement ", command)
    assert requirement == pin("uv", digest)
