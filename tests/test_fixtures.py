"""Every case in ``fixtures/``: what the tool says and writes, and what the script then does.

``check.txt`` and ``apply.diff`` beside ``before/`` are the snapshots; ``submit_job.py`` is part of the
diff only in the cases about submissions. A converted script must do the same as before outside a job, and
inside one hand back its result and keep its files.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
from pathlib import Path

import pytest
from pytest_snapshot.plugin import Snapshot

from mljob_codemod.findings import Level, Safety
from mljob_codemod.submission import FILE_NAME, is_generated
from tests.conversion import convert_case, submit_to, working_folder
from tests.fixture_case import Case, load_cases
from tests.harness import compare_outside, job_problems, run_inside

CASES = load_cases()
OLD_GRAMMAR_ONLY = {"source_files/syntax_of_python_3_12": (3, 12)}
"""Cases whose snapshot is of a Python that cannot read them, and the first Python that can."""
RUNNABLE = [case for case in CASES if case.run]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_conversion(case: Case, tmp_path: Path, snapshot: Snapshot) -> None:
    if case.id in OLD_GRAMMAR_ONLY and sys.version_info >= OLD_GRAMMAR_ONLY[case.id]:
        pytest.skip("this Python reads the syntax that the case is about")
    converted = convert_case(case, tmp_path)
    snapshot.snapshot_dir = case.folder
    # Syntax errors name the Python that the tests run on.
    findings = re.sub(r"\bPython 3\.\d+", "Python 3.x", converted.findings)
    snapshot.assert_match(findings, "check.txt")
    snapshot.assert_match(converted.diff, "apply.diff")
    left = [change.shown for change_set in converted.left for change in change_set.changes]
    assert not left, "a second run would change something"
    broken = {error.path for error in converted.report.errors}
    whole = {plan.script for plan in converted.report.jobs if broken.isdisjoint(plan.local_modules)}
    for finding in converted.again.findings:
        if finding.job not in whole:
            continue
        assert finding.level is not Level.WARNING or finding.fix is None, finding
        assert finding.fix is None or finding.fix.safety is Safety.UNSAFE, finding
    if case.codes is not None:
        assert sorted({finding.code for finding in converted.report.findings}) == sorted(case.codes)
    with working_folder(tmp_path):
        for plan in converted.report.jobs:
            for path in {plan.script, *plan.local_modules} - broken:
                ast.parse(Path(path).read_bytes())


@pytest.mark.launcher
@pytest.mark.parametrize("case", RUNNABLE, ids=lambda case: case.id)
def test_behaviour(case: Case, tmp_path: Path) -> None:
    after = tmp_path / "after"
    converted = convert_case(case, after)
    outside = compare_outside(
        case.before, after, case.script, case.args, env=case.env, stdin=case.stdin
    )
    assert not outside.differences
    plans = {plan.script for plan in converted.report.jobs}
    submission = after / Path(case.script).parent / FILE_NAME
    if case.script in plans and is_generated(submission.read_text(encoding="utf-8")):
        sent = submit_to(after, case.script, case.inside_args, tmp_path / "payload")
        for argument in case.inside_args:  # what the user names on the command line goes along
            if (after / argument).is_file():
                (sent.payload / argument).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(after / argument, sent.payload / argument)
        outcome = run_inside(sent.payload, sent.entrypoint, sent.arguments)
    else:
        outcome = run_inside(after, case.script, case.inside_args)
    status = case.inside_exit_status
    result = case.result if case.checks_result else ...
    assert not job_problems(outcome, result, case.artifacts, status, elsewhere=case.elsewhere)
