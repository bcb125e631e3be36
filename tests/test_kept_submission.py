"""A submit_job.py that a person edited is left alone, and what would be written is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome

Run = Callable[..., Outcome]
SCRIPT = "def main():\n    return 1\n\n\nif __name__ == '__main__':\n    main()\n"


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> str:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(SCRIPT)
    assert run("apply", "train.py").status == 0
    submission = Path("submit_job.py")
    text = submission.read_text().replace("Submit train.py to", "Send train.py to")
    assert text != submission.read_text()
    submission.write_text(text)
    return text


@pytest.mark.parametrize("options", [[], ["--check"], ["--diff"]])
def test_the_difference_is_shown_on_standard_error(
    edited: str, run: Run, options: list[str]
) -> None:
    outcome = run("apply", *options, "train.py")
    assert outcome.status == 0
    assert Path("submit_job.py").read_text() == edited
    assert "was edited by hand and is left alone" in outcome.out + outcome.err
    assert "--- submit_job.py as it is\n+++ submit_job.py as it would be written\n" in outcome.err
    removed = [
        line
        for line in outcome.err.splitlines()
        if line.startswith("-") and "Send train.py" in line
    ]
    added = [
        line
        for line in outcome.err.splitlines()
        if line.startswith("+") and "Submit train.py" in line
    ]
    assert removed
    assert len(removed) == len(added)
    assert "@@" not in outcome.out


def test_a_file_that_is_somebody_elses_is_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(SCRIPT)
    Path("submit_job.py").write_text("print('mine')\n")
    outcome = run("apply", "train.py")
    assert "was not written by mljob-codemod" in outcome.out
    assert "as it would be written" not in outcome.out + outcome.err
