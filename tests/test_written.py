"""Which files count as written outside the results."""

from __future__ import annotations

from pathlib import Path

from mljob_codemod.runtime.written import Snapshot, WrittenFile, written_outside


def test_new_and_changed_files_are_found_and_no_others(tmp_path: Path) -> None:
    result = tmp_path / "result"
    for name in ("same.txt", "changed.txt", "result/before.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("abc")
    before = Snapshot.of(tmp_path)
    for name in ("changed.txt", "new/model.bin", "result/model.bin", "result/before.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("abcd")
    assert written_outside(before, tmp_path, result) == [
        WrittenFile(Path("changed.txt"), 4),
        WrittenFile(Path("new/model.bin"), 4),
    ]


def test_caches_are_not_listed(tmp_path: Path) -> None:
    before = Snapshot.of(tmp_path)
    for name in (
        "__pycache__/a.cpython-311.pyc",
        "home/.cache/lib/x",
        "pkg/__pycache__/b",
        "b.pyc",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert written_outside(before, tmp_path, tmp_path / "result") == []


def test_replaced_file_of_equal_size_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    before = Snapshot.of(tmp_path)
    (tmp_path / "b.txt").write_text("2")
    (tmp_path / "b.txt").replace(tmp_path / "a.txt")
    assert [file.path for file in written_outside(before, tmp_path, tmp_path / "r")] == [
        Path("a.txt")
    ]


def test_folder_that_does_not_exist_has_no_files(tmp_path: Path) -> None:
    assert Snapshot.of(tmp_path / "none").files == {}
