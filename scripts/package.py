"""Make the zip of a release: ``python3 -m scripts.package VERSION DIRECTORY``.

It is the same, byte by byte, from any clone of a commit: the committed files sorted by name, all
with the same time, and not compressed, since zlib does not compress alike everywhere. Its checksum
is written beside it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Final
from zipfile import ZipFile, ZipInfo

PROJECT: Final = Path(__file__).parent.parent
INTEGRATION: Final = "custom_components/xiaomi_smart_lock"
NAME: Final = "xiaomi_smart_lock.zip"
TIME: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can have."""
UNIX: Final = 3
MODE: Final = 0o100644


def package(version: str, directory: Path, project: Path = PROJECT) -> Path:
    """Write the zip of the committed files, and its checksum, to a directory; return its path."""
    # The line endings in the zip must not depend on the settings of the clone.
    plain = ("-c", "core.autocrlf=false", "-c", "core.eol=lf")
    archive = subprocess.run(
        ["git", *plain, "archive", "--format=tar", f"HEAD:{INTEGRATION}"],
        cwd=project,
        check=True,
        capture_output=True,
    ).stdout
    path = directory / NAME
    with tarfile.open(fileobj=BytesIO(archive)) as committed, ZipFile(path, "w") as zipped:
        files = (member for member in committed if member.isfile())
        for member in sorted(files, key=lambda member: member.name):
            source = committed.extractfile(member)
            assert source is not None  # noqa: S101
            content = source.read()
            if member.name == "manifest.json":
                content = of_version(content, version)
            info = ZipInfo(member.name, TIME)
            info.create_system, info.external_attr = UNIX, MODE << 16
            zipped.writestr(info, content)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{NAME}.sha256").write_text(f"{digest}  {NAME}\n", encoding="utf-8")
    return path


def of_version(manifest: bytes, version: str) -> bytes:
    """Return the manifest with another version."""
    changed = json.loads(manifest) | {"version": version}
    return (json.dumps(changed, indent=2, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    package(sys.argv[1], Path(sys.argv[2]))
