"""Fetch the page's two libraries again, at the versions named in vendor.json, and write them as plain modules.

    python tools/refresh_vendor.py            # as recorded
    python tools/refresh_vendor.py --check    # compare the files with what is recorded, without the network

Needs npm. Each file is checked against the SHA-256 in vendor.json; to take a new version, change the version
there and run with --record.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[1] / "src" / "convscope" / "web" / "vendor"
RECORD = VENDOR / "vendor.json"


def main() -> int:
    parser = argparse.ArgumentParser(description="Fetch the page's libraries again.")
    parser.add_argument("--check", action="store_true", help="only compare what lies here with the record")
    parser.add_argument("--record", action="store_true", help="write the new checksums down")
    options = parser.parse_args()
    record = json.loads(RECORD.read_text())
    if not options.check:
        fetch(record)
    changed = [name for name in files(record) if checksum(name) != record["sha256"].get(name)]
    if options.record:
        record["sha256"] = {name: checksum(name) for name in files(record)}
        RECORD.write_text(json.dumps(record, indent=2) + "\n")
    elif changed:
        print(f"not as recorded: {', '.join(changed)}", file=sys.stderr)
        return 1
    return 0


def files(record: dict) -> list[str]:
    return [name for library in record["libraries"] for name in library["files"]]


def checksum(name: str) -> str:
    return hashlib.sha256((VENDOR / name).read_bytes()).hexdigest()


def fetch(record: dict) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for library in record["libraries"]:
            archive = packed(f"{library['name']}@{library['version']}", Path(folder))
            with tarfile.open(archive) as package:
                for name, inside in library["files"].items():
                    member = package.extractfile(f"package/{inside}")
                    assert member is not None
                    (VENDOR / name).write_bytes(plain(member.read().decode()).encode())


def packed(what: str, folder: Path) -> Path:
    done = subprocess.run(
        ["npm", "pack", what, "--json", "--pack-destination", str(folder)], check=True, capture_output=True, text=True
    )
    return folder / json.loads(done.stdout)[0]["filename"]


def plain(source: str) -> str:
    """A module for browsers: neighbours by path, no default export, no source map, and nobody type-checks it."""
    lines = [line for line in source.splitlines() if not line.startswith("//# sourceMappingURL")]
    text = "\n".join(lines).replace('from"preact"', 'from"./preact.js"')
    if "export default " in text:
        text = text.replace("export default ", "\nexport const htm=", 1)
    return text.rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
