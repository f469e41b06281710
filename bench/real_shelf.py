"""The whole line over real shelves, with what came of every file.

    python bench/real_shelf.py FOLDER…

Copies the folders side by side into one shelf; then gather, plan, keep, a place, audit, dump, mirror, restore
from the place, rebuild, and the verdict of ocfl-py on the vault and on the untarred volumes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import measuring

BIN = Path(sys.executable).parent


def say(archive: Path, *words: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [str(BIN / "lockgroove"), "-C", str(archive), *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def summary(lines: list[dict[str, object]]) -> dict[str, object]:
    return {k: v for k, v in lines[-1].items() if k not in ("v", "type", "at")}


def valid(root: Path) -> bool:
    done = subprocess.run([str(BIN / "ocfl-validate.py"), "-q", str(root)], capture_output=True, check=False)
    return done.returncode == 0


def decide_gpl(archive: Path) -> int:
    """The GPL of the tags decided, as an operator would who read Debian's copyright file."""
    undecided = [line for line in say(archive, "rights", "undecided") if line.get("status") == "undecided"]
    because = "the package's copyright file says version 2 or later"
    for line in undecided:
        say(
            archive,
            "rights",
            "decide",
            str(line["statement"]),
            "--licence",
            "GPL-2.0-or-later",
            "--because",
            because,
        )
    return len(undecided)


def main(folders: list[str]) -> None:
    scratch = Path(__file__).parent / "scratch"
    scratch.mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="real-", dir=scratch))
    for folder in folders:
        shutil.copytree(folder, work / "shelf" / Path(folder).name, symlinks=True)
    archive, place, mirror = work / "archive", work / "place", work / "mirror"
    subprocess.run([str(BIN / "lockgroove"), "init", str(archive)], check=True, capture_output=True)
    gathered = summary(say(archive, "gather", "folder", str(work / "shelf")))
    say(archive, "plan")
    kept = summary(say(archive, "keep"))
    say(archive, "place", "add", str(place))
    audit = summary(say(archive, "audit"))
    before = summary(say(archive, "status"))
    sets = decide_gpl(archive)
    dump = summary(say(archive, "dump", "--volume-size", "50MB"))
    mirrored = summary(say(mirror, "mirror", str(archive), str(mirror)))
    unpacked = work / "unpacked"
    unpacked.mkdir()
    for volume in sorted((archive / "dumps" / "000001" / "volumes").iterdir()):
        subprocess.run(["tar", "-xf", str(volume), "-C", str(unpacked)], check=True)
    restored = subprocess.run(
        [str(BIN / "lockgroove"), "init", "--from", str(place), str(work / "restored"), "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    digest = summary(say(archive, "rebuild"))["digest"]
    for name in ("catalogue", "cache"):
        shutil.rmtree(archive / name)
    for path in archive.glob("state.sqlite*"):
        path.unlink()
    again = summary(say(archive, "rebuild"))["digest"]
    files = sum(1 for path in (work / "shelf").rglob("*") if path.is_file())
    measuring.record(
        "real_shelf",
        [
            {
                "size": files,
                "gathered": gathered["roles"],
                "findings": gathered["findings"],
                "kept": {k: kept[k] for k in ("objects", "files", "elsewhere", "refused", "bytes")},
                "audit_findings": audit["findings"],
                "rights_before": dict(Counter({r["status"]: r["files"] for r in before["rights"]})),  # type: ignore[attr-defined]
                "decided_sets": sets,
                "published_files": dump["files"],
                "withheld_objects": dump["withheld"],
                "volumes": dump["volumes"],
                "mirror_tables_equal": len(mirrored["tables_equal"]),  # type: ignore[arg-type]
                "mirror_tables_different": mirrored["tables_different"],
                "vault_valid": valid(archive / "vault"),
                "volumes_valid": valid(unpacked),
                "restored_files": json.loads(restored.stdout.splitlines()[-1])["files"],
                "same_digest_after_rebuild": digest == again,
            }
        ],
    )
    shutil.rmtree(work)


if __name__ == "__main__":
    main(sys.argv[1:])
