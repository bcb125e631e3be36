"""Writing: all files of a set or none, and no file ever half written."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mljob_codemod import writing
from mljob_codemod.converting import ChangeSet, FileChange
from mljob_codemod.errors import InputError
from mljob_codemod.writing import write_change_set


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("a.py", "b.py"):
        Path(name).write_bytes(b"old " + name.encode())
    return folder


def change(name: str, before: bytes | None, after: bytes = b"new") -> FileChange:
    return FileChange(Path(name).absolute(), name, before, after)


def both() -> ChangeSet:
    """Two files that exist and a new one."""
    changes = (change("a.py", b"old a.py"), change("b.py", b"old b.py"), change("c.py", None))
    return ChangeSet(("a.py",), changes, (), ())


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path().iterdir())}


OLD = {"a.py": b"old a.py", "b.py": b"old b.py"}
NEW = {"a.py": b"new", "b.py": b"new", "c.py": b"new"}


def test_all_files_are_written_and_nothing_else_is_left() -> None:
    write_change_set(both())
    assert contents() == NEW


def test_mode_is_kept_and_new_files_follow_the_umask() -> None:
    Path("a.py").chmod(0o754)
    old_mask = os.umask(0o027)
    try:
        write_change_set(both())
    finally:
        os.umask(old_mask)
    assert Path("a.py").stat().st_mode & 0o7777 == 0o754
    assert Path("c.py").stat().st_mode & 0o7777 == 0o640


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root gives files away")
def test_owner_is_kept() -> None:
    os.chown("a.py", 12345, 54321)
    write_change_set(both())
    assert (Path("a.py").stat().st_uid, Path("a.py").stat().st_gid) == (12345, 54321)


@pytest.mark.parametrize(
    "disturb",
    [
        lambda: Path("b.py").write_bytes(b"edited"),
        lambda: Path("b.py").unlink(),
        lambda: Path("c.py").write_bytes(b"mine"),
    ],
)
def test_a_file_changed_in_the_meantime_stops_its_whole_set(disturb: Callable[[], Any]) -> None:
    disturb()
    before = contents()
    with pytest.raises(InputError, match="changed while the tool ran"):
        write_change_set(both())
    assert contents() == before


@pytest.mark.parametrize(("path", "mode"), [("b.py", 0o444), (".", 0o555)])
def test_read_only_files_and_folders_stay_as_they_are(path: str, mode: int) -> None:
    Path(path).chmod(mode)
    with pytest.raises(InputError, match="is read-only") as caught:
        write_change_set(both())
    Path(path).chmod(0o755)
    assert caught.value.path in ("a.py", "b.py")
    assert contents() == OLD


def test_a_link_is_written_through_and_stays_a_link() -> None:
    Path("pkg").mkdir()
    Path("pkg/real.py").write_bytes(b"old")
    Path("link.py").symlink_to("pkg/real.py")
    write_change_set(ChangeSet(("link.py",), (change("link.py", b"old"),), (), ()))
    assert Path("link.py").is_symlink()
    assert Path("pkg/real.py").read_bytes() == b"new"
    assert os.listdir("pkg") == ["real.py"]


def test_a_link_out_of_the_tree_is_not_written_through() -> None:
    outside = Path("../outside.py")
    outside.write_bytes(b"old")
    Path("link.py").symlink_to(outside)
    with pytest.raises(InputError, match="links out of this tree"):
        write_change_set(ChangeSet(("link.py",), (change("link.py", b"old"),), (), ()))
    assert outside.read_bytes() == b"old"


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_was_replaced_is_put_back_when_a_later_file_fails(
    monkeypatch: pytest.MonkeyPatch, failing: int, error: BaseException
) -> None:
    replace, calls = os.replace, 0

    def fail_once(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise error
        replace(source, target)

    monkeypatch.setattr(writing.os, "replace", fail_once)
    expected = InputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_change_set(both())
    assert contents() == OLD


def test_a_full_disk_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.tempfile, "mkstemp", full)
    with pytest.raises(InputError) as caught:
        write_change_set(both())
    assert str(caught.value) == "a.py: cannot be written: No space left on device"
    assert contents() == OLD


@pytest.mark.parametrize("moment", ["mkstemp", "replace"])
def test_an_interrupt_in_the_middle_leaves_the_set_whole(
    monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    module: Any = writing.tempfile if moment == "mkstemp" else writing.os
    original = getattr(module, moment)

    def interrupted(*arguments: Any, **keywords: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return original(*arguments, **keywords)

    monkeypatch.setattr(module, moment, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_change_set(both())
    assert contents() == NEW
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
