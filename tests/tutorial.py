"""The walk-through docs/tutorial.md: its commands, run one after the other against the local account.

``$ cat FILE`` in the first place a file is named gives what the file holds. What differs from run to run is made equal:
the ids of jobs, seconds, the day. ``python -m tests.tutorial`` writes the output anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from mljob_codemod.runtime.pool import Pool, PoolOptions

ROOT = Path(__file__).resolve().parents[1]
TUTORIAL = ROOT / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^\$ (?P<command>[^\n]*)\n(?P<output>(?:(?!\$ )[^\n]*\n)*)", re.MULTILINE)
_CAT = re.compile(r"cat (\S+\.py)")
_ID = re.compile(r"(?<=TRAIN_)[0-9A-F]{8}|(?<=TRAIN_[0-9A-F]{8}_)[0-9A-F]{8}", re.IGNORECASE)
_VOLATILE = (
    (re.compile(r"\b\d+\.\d+ s\b"), "6.2 s"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "2026-11-28T12:00:00Z"),
)
# Every Python that starts takes the local account for Snowflake.
_SITE = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "mljob_codemod" / "runtime")!r})
import local_account
del sys.path[0]
local_account.install(Path(os.environ["SNOWFLAKE_HOME"]))
"""


def renewed(text: str, base: Path) -> str:
    """``text`` with the output of its commands as it is now; ``base`` is an empty folder for account and project."""
    (base / "account" / "jobs").mkdir(parents=True)
    (base / "site").mkdir()
    (base / "site" / "sitecustomize.py").write_text(_SITE)
    folder = base / "project"
    folder.mkdir()
    ids: dict[str, str] = {}

    def step(match: re.Match[str]) -> str:
        command, output = match["command"], match["output"]
        shown = _CAT.fullmatch(command)
        if shown and not (folder / shown[1]).exists():
            (folder / shown[1]).write_text(output.rstrip("\n") + "\n")
            return match[0]
        gap = "\n" if output.endswith("\n\n") else ""
        printed = _repeatable(_run(_with_real_ids(command, ids), base), ids)
        return f"$ {command}\n{printed}{gap}"

    options = PoolOptions(Path(sys.executable), base / "cache", install=False)
    with Pool(base / "account", options, print, lambda text: None):
        return _BLOCK.sub(lambda block: f"```console\n{_STEP.sub(step, block[1])}```", text)


def _repeatable(printed: str, ids: dict[str, str]) -> str:
    for pattern, text in _VOLATILE:
        printed = pattern.sub(text, printed)
    lines = (line.rstrip() for line in printed.splitlines())
    printed = "".join(f"{line}\n" for line in lines)
    for id in _ID.findall(printed):
        ids.setdefault(id.upper(), f"{0x1A2B3C4D * (len(ids) + 1) % 2**32:08X}")
    return _ID.sub(lambda match: ids[match[0].upper()], printed)


def _with_real_ids(command: str, ids: dict[str, str]) -> str:
    real = {shown: id for id, shown in ids.items()}
    return _ID.sub(lambda match: real.get(match[0], match[0]), command)


def _run(command: str, base: Path) -> str:
    tools = str(Path(sys.executable).parent)
    places = [str(base / "site"), *filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT)]
    kept = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "CLICOLOR_FORCE")}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=base / "project",
        env={
            **kept,
            "PATH": tools + os.pathsep + os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(places),
            "SNOWFLAKE_HOME": str(base / "account"),
            "COLUMNS": "100",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.stdout


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        TUTORIAL.write_text(renewed(TUTORIAL.read_text("utf-8"), Path(name)), "utf-8")
