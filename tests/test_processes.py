"""Work that several processes share."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from mljob_codemod.processes import in_processes

_SCRIPT = """
    import multiprocessing, os, signal
    multiprocessing.set_start_method('spawn')
    from mljob_codemod.processes import in_processes

    def work(item):
        if item == 6:
            ACTION
        return bytes(1_000_000)

    try:
        for _ in in_processes(work, range(40)):
            pass
    except KeyboardInterrupt:
        print("interrupted")
"""


def _text(item: int) -> str:
    return str(item)


def test_results_come_in_the_order_of_the_items() -> None:
    items = list(range(100))

    assert list(in_processes(_text, items)) == [str(item) for item in items]


def test_an_interrupt_from_the_terminal_ends_all_processes(tmp_path: Path) -> None:
    output, status = _run(tmp_path, "os.killpg(os.getpgid(0), signal.SIGINT)")

    assert output == "interrupted\n"
    assert status == 0


def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    _, status = _run(tmp_path, "os.kill(os.getppid(), signal.SIGKILL)")

    assert status == -signal.SIGKILL


def _run(folder: Path, action: str) -> tuple[str, int]:
    """Output and exit status of a script one of whose workers does ``action``; fails while a process of it is left."""
    script = folder / "work.py"
    script.write_text(textwrap.dedent(_SCRIPT).replace("ACTION", action))
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        # Workers hold the pipe open as long as they live.
        output, _ = process.communicate(timeout=20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return output, process.returncode
