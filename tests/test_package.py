"""What a release has is the same from any clone, and nothing but the integration."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Final
from zipfile import ZipFile

from scripts.package import INTEGRATION, PROJECT, package

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

WORKFLOWS: Final = sorted((PROJECT / ".github/workflows").glob("*.yml"))


def cloned(directory: Path, *options: str) -> Path:
    """Return a clone of what is committed."""
    command = ["git", *options, "clone", "--quiet", str(PROJECT), str(directory)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603, of our own words
    return directory


def test_the_same_from_any_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the mode, the time and the ends of lines of its files, and what else lies there."""
    first = cloned(tmp_path / "first")
    before = os.umask(0o077)
    try:
        second = cloned(tmp_path / "second", "-c", "core.autocrlf=true")
    finally:
        os.umask(before)
    for path in (second / INTEGRATION).rglob("*.py"):
        os.utime(path, (0, 0))
    (second / INTEGRATION / "__pycache__").mkdir()
    (second / INTEGRATION / "secrets.txt").write_text("mine")
    zips = []
    for clone in (first, second):
        (out := tmp_path / f"{clone.name} out").mkdir()
        zips.append(package("1.2.3", out, clone))
    content, other = (path.read_bytes() for path in zips)
    assert content == other
    said = zips[0].with_name(f"{zips[0].name}.sha256").read_text()
    assert said == f"{hashlib.sha256(content).hexdigest()}  {zips[0].name}\n"


def test_what_is_in_it(tmp_path: Path) -> None:
    """All that is committed of the integration, in order, with the version in its manifest."""
    clone = cloned(tmp_path / "clone")
    source = clone / INTEGRATION
    files = (str(path.relative_to(source)) for path in source.rglob("*") if path.is_file())
    with ZipFile(package("1.2.3", tmp_path, clone)) as zipped:
        assert zipped.testzip() is None
        assert zipped.namelist() == sorted(files)
        manifest = json.loads(zipped.read("manifest.json"))
        committed = json.loads((source / "manifest.json").read_bytes())
        assert manifest == committed | {"version": "1.2.3"}
        for name in set(zipped.namelist()) - {"manifest.json"}:
            assert zipped.read(name) == (source / name).read_bytes()


def test_actions_of_others_are_pinned() -> None:
    """By commit: a tag or a branch can be moved, to what takes the release's rights."""
    used = [use for path in WORKFLOWS for use in re.findall(r"uses: *(.+)", path.read_text())]
    assert used
    for use in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # .+", use), use
