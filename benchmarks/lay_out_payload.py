"""``python -m benchmarks.lay_out_payload``: what the job entry costs at the start and the end of a job.

Lays out payloads of many files, of large files and of both, then collects after nothing has changed, each three
times; the medians count. Stage and local disk are one disk here: in a job, the copying of small files costs what
reading them from the stage costs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from mljob_codemod.job_entry import LINKED_FROM, Collector, Workplace, files_below

SMALL = 10_000
"""Bytes of a usual source or data file."""
PAYLOADS = (
    (10, SMALL),
    (1_000, SMALL),
    (10_000, SMALL),
    (60, LINKED_FROM - 1),
    (60, 16 * LINKED_FROM),
)
"""How many files of how many bytes."""
RUNS = 3


def main() -> int:
    """Measure and print a table."""
    print("| payload | laid out in | looked through in |\n|---|---|---|")
    for count, size in PAYLOADS:
        with tempfile.TemporaryDirectory() as scratch:
            payload = Path(scratch, "payload")
            for number in range(count):
                path = payload / f"part_{number // 100}" / f"{number}.bin"
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open(
                    "wb"
                ) as file:  # of small files the bytes are there, of large ones none
                    file.write(bytes(size)) if size < LINKED_FROM else file.truncate(size)
            took = [_measure(payload, Path(scratch, f"run_{run}")) for run in range(RUNS)]
        laid_out, looked_through = (median(times) for times in zip(*took, strict=True))
        shown = f"{count:,} files, {count * size / 1e6:,.1f} MB"
        print(
            f"| {shown} | {laid_out * 1000:,.0f} ms | {looked_through * 1000:,.0f} ms |", flush=True
        )
    return 0


def _measure(payload: Path, folder: Path) -> tuple[float, float]:
    folder.mkdir()
    started = time.perf_counter()
    workplace = Workplace(payload, folder / "payload")
    workplace.lay_out()
    known = dict(files_below(workplace.folder))
    between = time.perf_counter()
    Collector(workplace.folder, folder / "result", known).collect()
    return between - started, time.perf_counter() - between


if __name__ == "__main__":
    sys.exit(main())
