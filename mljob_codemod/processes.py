"""Work on many items that several processes share, and that one interrupt ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
CAN_FORK = hasattr(os, "fork")
_LARGEST_CHUNK = 8
"""An interrupt waits for the chunks that are being worked on."""


def worker_count() -> int:
    """How many processes share work that many files or scripts are."""
    return min(os.cpu_count() or 1, 8)


def in_processes(
    function: Callable[[_Item], _Result],
    items: Sequence[_Item],
    prepare: Callable[[], None] | None = None,
) -> Generator[_Result, None, None]:
    """What ``function`` makes of each item, in their order, in processes that ``prepare`` makes ready.

    Where ``CAN_FORK``, they share what this process has read, and do not import the program that calls this once
    more, which without a main guard would begin its own work again.
    """
    # These cost a tenth of a small file's check.
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    workers = worker_count()
    context = multiprocessing.get_context("fork") if CAN_FORK else None
    pool = ProcessPoolExecutor(workers, context, _start, (prepare,))
    try:
        chunk = max(1, min(_LARGEST_CHUNK, len(items) // (workers * 4)))
        with _held_interrupts():
            results = pool.map(function, items, chunksize=chunk)
        yield from results
    finally:
        pool.shutdown(cancel_futures=True)


def _start(prepare: Callable[[], None] | None) -> None:
    from threading import Thread

    Thread(target=_end_with_parent, daemon=True).start()
    # A terminal interrupts all its processes. A worker that ended while it sends a result would leave half of it in
    # the pipe, and its fellows and the pool would wait for each other for ever; this process ends them instead.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if prepare is not None:
        prepare()


def _end_with_parent() -> None:
    """End a worker whose parent was killed: it would wait for more work for ever."""
    from multiprocessing import parent_process

    parent = parent_process()
    assert parent is not None  # this is a worker
    parent.join()
    os._exit(1)


@contextmanager
def _held_interrupts() -> Iterator[None]:
    """Let an interrupt wait while processes are started, which until they ignore it would take it for theirs."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
