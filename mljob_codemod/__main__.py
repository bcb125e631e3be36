"""The command as a process of its own: ``mljob-codemod`` and ``python -m mljob_codemod``."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

from mljob_codemod.cli import main


def run() -> NoReturn:
    """Run the command line and end the process with its exit status."""
    # What is read is kept until the end: looking for cycles in it at the usual pace is a quarter of a run,
    # and once more at the exit a tenth.
    gc.set_threshold(100_000, 20, 50)
    status = main()
    gc.freeze()
    sys.exit(status)


if __name__ == "__main__":
    run()
