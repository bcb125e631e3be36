"""``python -m benchmarks.check_repository [--runs N] DIR``: ``check`` of a whole checkout.

Compared with ``libcst.parse_module`` alone over the same files in one process. Both are run in turns in
fresh processes; the medians count. The exit status is 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

import libcst

from benchmarks.process_tree import measure
from mljob_codemod.config import load_settings
from mljob_codemod.discovery import discover

RATIO = 0.7
PEAK = 400e6


def parse_all(listing: Path) -> float:
    """The seconds that LibCST takes to parse the files named in ``listing``; broken ones count too."""
    sources = [Path(line).read_bytes() for line in listing.read_text().splitlines()]
    started = time.perf_counter()
    for source in sources:
        try:
            libcst.parse_module(source)
        except (libcst.ParserSyntaxError, UnicodeDecodeError, LookupError):
            continue
    return time.perf_counter() - started


def main() -> int:
    """Measure and print; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--parse", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.parse is not None:
        print(parse_all(options.parse))
        return 0
    folder = options.folder.resolve()
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")])
    )
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed tool has been compiled
    os.chdir(folder)
    files = [file.path for file in discover([Path(".")], load_settings(Path("."))).files]
    command = [sys.executable, "-m", "mljob_codemod", "check", "."]
    parsing, checks = [], []
    with tempfile.TemporaryDirectory() as scratch:
        listing = Path(scratch, "files.txt")
        listing.write_text("\n".join(map(str, files)))
        baseline = [
            sys.executable,
            "-m",
            "benchmarks.check_repository",
            "--parse",
            str(listing),
            ".",
        ]
        for _ in range(options.runs):
            done = subprocess.run(baseline, capture_output=True, text=True, check=True)
            parsing.append(float(done.stdout))
            checks.append(measure(command, folder, memory=False))
    failed = next((run for run in checks if run.status not in (0, 1, 2)), None)
    if failed is not None:
        print(failed.output, file=sys.stderr)
        return 1
    peak = measure(command, folder).peak
    lines = sum(file.read_bytes().count(b"\n") for file in files)
    wall, alone = median(run.wall for run in checks), median(parsing)
    print(
        f"{folder.name}: {len(files)} files, {lines} lines; Python {platform.python_version()}, "
        f"libcst {version('libcst')}, {os.cpu_count()} cores"
    )
    print(f"libcst.parse_module alone {alone:.2f} s")
    cpu = median(run.cpu for run in checks)
    print(f"check {wall:.2f} s (processor time {cpu:.2f} s)")
    print(f"ratio {wall / alone:.2f} (at most {RATIO})")
    if peak is not None:
        print(f"peak memory of all processes {peak / 1e6:.0f} MB (below {PEAK / 1e6:.0f})")
    return int(wall / alone > RATIO or (peak or 0) >= PEAK)


if __name__ == "__main__":
    sys.exit(main())
