"""Findings about inputs that no fixture can hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from mljob_codemod.checking import check
from mljob_codemod.codemods import inputs
from mljob_codemod.config import Settings
from tests.conversion import working_folder


@pytest.mark.parametrize(("size", "found"), [(200, {"MLJ604"}), (50, set())])
@pytest.mark.parametrize("read", ["open('data/a.csv').read()", "os.listdir('data')"])
def test_a_large_input_is_found(
    read: str, size: int, found: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "LARGE_BYTES", 100)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_bytes(b"1" * size)
    (tmp_path / "train.py").write_text(f"import os\nprint({read})\n")
    with working_folder(tmp_path):
        report = check([Path("train.py")], Settings())
    assert {finding.code for finding in report.findings} == found
