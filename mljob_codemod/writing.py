"""Writes change sets: all files of one or none, each file whole at every moment."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from mljob_codemod.discovery import link_leaves_tree, shown_path
from mljob_codemod.errors import InputError

if TYPE_CHECKING:
    from mljob_codemod.converting import ChangeSet, FileChange


@dataclass(frozen=True)
class _Replacement:
    """One file on its way: ``prepared`` holds the new content and is moved over ``target``."""

    change: FileChange
    target: Path
    prepared: Path


def write_change_sets(
    change_sets: Sequence[ChangeSet],
) -> tuple[tuple[ChangeSet, ...], list[InputError]]:
    """Write what can be written: the sets that were, and the reasons why others were not."""
    written, errors = [], []
    for change_set in change_sets:
        try:
            write_change_set(change_set)
        except InputError as error:
            errors.append(error)
        else:
            written.append(change_set)
    return tuple(written), errors


def write_change_set(change_set: ChangeSet) -> None:
    """Write every file of ``change_set``; on an error all files are as they were, and it is raised.

    An interrupt waits until the set is written, which takes a moment, or is undone like an error.
    """
    with _interrupts_held():
        replacements: list[_Replacement] = []
        try:
            for change in change_set.changes:
                replacements.append(_prepare(change))
            _replace_all(replacements)
        finally:
            for replacement in replacements:
                replacement.prepared.unlink(missing_ok=True)


def _prepare(change: FileChange) -> _Replacement:
    """Check that ``change`` still fits its file and write the new content to a file beside it."""
    if link_leaves_tree(change.path):
        raise InputError(change.shown, "links out of this tree and is not written through")
    target = Path(os.path.realpath(change.path))
    try:
        status = _check_unchanged(change, target)
        _check_writable(change.shown, target, status)
        return _Replacement(change, target, _write_beside(target, change.after, status))
    except OSError as error:
        raise InputError(change.shown, f"cannot be written: {error.strerror}") from error


def _check_unchanged(change: FileChange, target: Path) -> os.stat_result | None:
    """The file's status; raises if it is not as it was when its content was read."""
    try:
        current: bytes | None = target.read_bytes()
        status: os.stat_result | None = target.stat()
    except FileNotFoundError:
        current = status = None
    if current != change.before:
        raise InputError(
            change.shown, "changed while the tool ran; nothing of its job was written, run it again"
        )
    return status


def _check_writable(shown: str, target: Path, status: os.stat_result | None) -> None:
    # Replacing a file asks only its folder, and root is asked nothing at all: a file or folder that
    # somebody made read-only is still meant to stay as it is.
    if status is not None and not (status.st_mode & 0o222 and os.access(target, os.W_OK)):
        raise InputError(shown, "is read-only")
    folder = target.parent
    if not (folder.stat().st_mode & 0o222 and os.access(folder, os.W_OK)):
        raise InputError(shown, f"cannot be written: the folder {shown_path(folder)} is read-only")


def _write_beside(target: Path, content: bytes, status: os.stat_result | None) -> Path:
    """A new file in the folder of ``target`` with ``content`` and the mode and owner of the old one."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    prepared = Path(name)
    try:
        with open(handle, "wb") as file:
            file.write(content)
        if status is None:
            prepared.chmod(0o666 & ~_umask())
        else:
            prepared.chmod(stat.S_IMODE(status.st_mode))
            _keep_owner(prepared, status)
    except BaseException:
        prepared.unlink(missing_ok=True)
        raise
    return prepared


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _keep_owner(path: Path, status: os.stat_result) -> None:
    if hasattr(os, "chown") and (path.stat().st_uid, path.stat().st_gid) != (
        status.st_uid,
        status.st_gid,
    ):
        with contextlib.suppress(OSError):  # only root may give files away
            os.chown(path, status.st_uid, status.st_gid)
            path.chmod(stat.S_IMODE(status.st_mode))  # chown clears the set-user bits


def _replace_all(replacements: list[_Replacement]) -> None:
    done: list[_Replacement] = []
    try:
        for replacement in replacements:
            done.append(replacement)
            os.replace(replacement.prepared, replacement.target)
    except BaseException as error:
        failures = [failure for each in reversed(done) if (failure := _undo(each)) is not None]
        if failures:
            raise failures[0] from error
        if isinstance(error, OSError):
            shown = done[-1].change.shown
            raise InputError(shown, f"cannot be written: {error.strerror}") from error
        raise


def _undo(replacement: _Replacement) -> InputError | None:
    """Put the old content back, unless the replacement had not happened yet."""
    change, target = replacement.change, replacement.target
    if replacement.prepared.exists():
        return None
    try:
        if change.before is None:
            target.unlink()
        else:
            os.replace(_write_beside(target, change.before, target.stat()), target)
    except OSError as error:
        return InputError(change.shown, f"could not be put back after an error: {error.strerror}")
    return None


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C and termination in the block; they take effect at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread alone
        return
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        caught.append(number)

    held = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
        for received in caught:
            signal.raise_signal(received)
