"""``python -m benchmarks.check_large_file``: ``check`` of one generated file of 50,000 lines.

Compared with ``libcst.parse_module`` alone. There is no target: the figures show whether the work grows faster
than the file.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.check_repository import parse_all
from benchmarks.check_small_file import SCRIPT
from benchmarks.process_tree import measure

_LINES = 50_000
_FUNCTION = '''\
def step_{number}(values, scale=1.0):
    """Scale the values of one step."""
    total = 0.0
    for index, value in enumerate(values):
        if value > scale and index % 2 == 0:
            total += value * scale - {number}
        else:
            total -= value / (scale + 1)
    return {{"step": {number}, "total": total}}


'''


def main() -> int:
    """Measure and print; 1 when ``check`` fails."""
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")])
    )
    head, entry, rest = SCRIPT.partition("def main")
    count = (_LINES - SCRIPT.count("\n")) // _FUNCTION.count("\n")
    functions = "".join(_FUNCTION.format(number=number) for number in range(count))
    text = head + functions + entry + rest
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "train.py").write_text(text)
        (folder / "files.txt").write_text(str(folder / "train.py"))
        command = [sys.executable, "-m", "mljob_codemod", "check", "train.py"]
        done = measure(command, folder)
        alone = parse_all(folder / "files.txt")
    if done.status != 1:
        print(done.output, file=sys.stderr)
        return 1
    lines = text.count("\n")
    print(f"{lines} lines: parse_module {alone:.2f} s, check {done.wall:.2f} s")
    if done.peak is not None:
        print(f"peak memory {done.peak / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
