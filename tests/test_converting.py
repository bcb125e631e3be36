"""What becomes of scripts that share files when one of them cannot be converted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mljob_codemod import converting
from mljob_codemod.checking import Report
from mljob_codemod.config import Settings
from mljob_codemod.errors import ToolFault
from mljob_codemod.plan import JobPlan
from tests.conftest import Outcome

Run = Callable[..., Outcome]
FAULT = "keep.py: the rewrite would change the program"
KEEP = """\
import json


def keep(scores):
    with open("scores.json", "w") as file:
        json.dump(scores, file)
"""
SCRIPT = """\
import keep


def main():
    keep.keep({"loss": 0.5})
    return 0.5


if __name__ == "__main__":
    main()
"""


@pytest.fixture
def fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., bool]], None]:
    """Makes the conversion of those jobs together fail for which a test says so."""
    monkeypatch.chdir(tmp_path)
    Path("keep.py").write_text(KEEP)
    for name in ("report.py", "system.py", "train.py"):
        Path(name).write_text(SCRIPT)

    def start(fails: Callable[[list[str]], bool]) -> None:
        converted = converting._change_set

        def change_set(
            plans: Sequence[JobPlan], report: Report, settings: Settings
        ) -> converting.ChangeSet | None:
            if fails([plan.script for plan in plans]):
                raise ToolFault(FAULT)
            return converted(plans, report, settings)

        monkeypatch.setattr(converting, "_change_set", change_set)

    return start


def test_a_script_that_cannot_be_converted_does_not_stop_those_it_shares_files_with(
    fail: Callable[..., None], run: Run
) -> None:
    fail(lambda scripts: "system.py" in scripts)
    outcome = run("apply")
    assert outcome.status == 2
    expected = f"error: system.py: not converted, and the fault is this tool's: {FAULT}"
    assert outcome.err.splitlines() == [expected]
    assert Path("system.py").read_text() == SCRIPT
    for script in ("train.py", "report.py"):
        assert "__return__ = main()" in Path(script).read_text()
    assert "MLRS_STAGE_RESULT_PATH" in Path("keep.py").read_text()
    submission = Path("submit_job.py").read_text()
    assert '"train.py"' in submission
    assert '"report.py"' in submission
    assert "system.py" not in submission


def test_scripts_that_fail_only_together_are_all_named(fail: Callable[..., None], run: Run) -> None:
    fail(lambda scripts: len(scripts) > 1)
    outcome = run("apply")
    assert outcome.status == 2
    assert [line.partition(": not converted")[0] for line in outcome.err.splitlines()] == [
        "error: report.py",
        "error: system.py",
        "error: train.py",
    ]
    assert Path("keep.py").read_text() == KEEP
    assert not Path("submit_job.py").exists()
