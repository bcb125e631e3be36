"""Reports: text for people, JSON for programs, diffs for patch and git."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from mljob_codemod.checking import Report
from mljob_codemod.converting import ChangeSet, FileChange
from mljob_codemod.edits import AddImport, ReplaceExpression, Span
from mljob_codemod.errors import InputError
from mljob_codemod.findings import (
    Documentation,
    Finding,
    Fix,
    Level,
    Location,
    Position,
    Rule,
    Safety,
)
from mljob_codemod.plan import (
    Compute,
    Entry,
    Evidence,
    Install,
    JobPlan,
    Net,
    OutputArgument,
    Package,
    PathUse,
    Service,
)
from mljob_codemod.reporting.diff import render_diff
from mljob_codemod.reporting.json import render_json, schema
from mljob_codemod.reporting.text import (
    WIDEST,
    describe_job,
    excerpt,
    render_changes,
    render_findings,
    render_rule,
    render_rules,
)
from tests.conftest import Outcome

Run = Callable[..., Outcome]
SOURCE = 'import torch\n\n\ndef main():\n\ttorch.save(1, "模型.pt")\n\n\nmain()\n'


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def finding(
    code: str,
    line: int,
    columns: tuple[int, int],
    level: Level = Level.WARNING,
    safety: Safety | None = Safety.SAFE,
    message: str = "a message",
    path: str = "train.py",
    job: str = "train.py",
) -> Finding:
    location = Location(path, Position(line, columns[0]), Position(line, columns[1]))
    edit = (path, ReplaceExpression(Span(0, 1), "x"))
    fix = None if safety is None else Fix("put it right", safety, (edit,))
    return Finding(code, message, location, level, job, fix)


PLAN = JobPlan(
    script="train.py",
    root=".",
    entrypoint="train.py",
    method="submit_directory",
    entry=Entry("toplevel_call", 8, "main", False),
    cli="argparse",
    compute=Compute(True, "GPU_NV_S", "GPU_POOL", 2, (Evidence("train.py", 1, "torch"),)),
    packages=[Package("cv2", "opencv-python", "custom", "train.py", 3)],
    pip_requirements=["opencv-python"],
    installs=[
        Install(
            "opencv-python",
            "opencv-python",
            Evidence("train.py", 3, "imports cv2, which the runtime image does not have"),
        )
    ],
    services=[Service("huggingface", ("huggingface.co",), "train.py", 3)],
    output_arguments=[OutputArgument("--out", "out", "train.py", 4, "directory", '"out"')],
    hardcoded_outputs=[PathUse("train.py", 5, "torch.save", "模型.pt")],
    local_inputs=[PathUse("train.py", 6, "pandas.read_csv", "data.csv")],
    local_modules=["other.py"],
    sessions=[Evidence("train.py", 8, "Session.builder.create()")],
    cloud_env=[Evidence("train.py", 9, "SM_MODEL_DIR")],
)
REPORT = Report(
    findings=(
        finding("MLJ101", 8, (1, 7)),
        finding("MLJ201", 5, (2, 26), Level.ERROR, Safety.UNSAFE, "写 outside"),
        finding("MLJ501", 1, (8, 13), Level.NOTE, None),
        finding("MLJ701", 4, (1, 4), Level.ERROR, None),
    ),
    jobs=(PLAN,),
    errors=(InputError("bad.py", "does not parse", line=3, column=1),),
    files=2,
)


def test_text_report_shows_job_source_caret_fix_and_summary() -> None:
    assert (
        render_findings(REPORT, "mljob-codemod apply train.py")
        == """\
train.py
  runs      main() at module level, by submit_directory of .
  on        2 nodes of GPU GPU_NV_S, pool GPU_POOL (line 1: torch)
  installs  opencv-python (line 3)
  reaches   PyPI or an artifact repository (for packages), huggingface (line 3)
  writes    --out, 模型.pt
  reads     data.csv
  net       not needed: every write that is seen is mapped

  train.py:8:1 MLJ101 a message
    8 | main()
      | ^^^^^^
    fix: put it right (safe)

  train.py:5:2 MLJ201 写 outside
    5 | torch.save(1, "模型.pt")
      | ^^^^^^^^^^^^^^^^^^^^^^^^
    fix: put it right (unsafe, needs --unsafe-fixes)

  train.py:1:8 MLJ501 note: a message
    1 | import torch
      |        ^^^^^

  train.py:4:1 MLJ701 a message
    4 | def main():
      | ^^^
    left to you: mljob-codemod explain MLJ701

4 findings in 1 job: 1 fixed by `mljob-codemod apply train.py`, 1 more with --unsafe-fixes, \
1 left to you, 1 note
"""
    )


def test_unsafe_fixes_count_as_fixed_when_asked_for() -> None:
    text = render_findings(REPORT, "mljob-codemod apply --unsafe-fixes", unsafe_fixes=True)
    assert "2 fixed by `mljob-codemod apply --unsafe-fixes`, 1 left to you" in text
    assert "fix: put it right (unsafe)\n" in text
    assert "needs" not in text


def test_fixes_of_a_job_with_an_unreadable_file_are_not_promised() -> None:
    broken = InputError("broken.py", "does not parse as Python 3.11: invalid syntax")
    job = replace(PLAN, local_modules=["broken.py"])
    text = render_findings(Report(REPORT.findings, (job,), (broken,), 3), "apply")
    assert "\n  not converted while broken.py does not parse\n" in text
    assert "fix: put it right (safe, not while broken.py does not parse)\n" in text
    assert "2 not fixed while files cannot be read, 1 left to you" in text
    assert "fixed by" not in text


def test_a_fix_that_another_job_gets_is_promised() -> None:
    broken = InputError("b.py", "cannot be read")
    shared = finding("MLJ101", 8, (1, 7))
    both = (shared, replace(shared, job="b.py"))
    plans = (PLAN, replace(PLAN, script="b.py"))
    text = render_findings(Report(both, plans, (broken,), 2), "apply")
    assert text.endswith("1 finding in 2 jobs: 1 fixed by `apply`\n")
    assert "not converted while b.py cannot be read\n" in text


def test_findings_that_two_jobs_share_are_shown_and_counted_once() -> None:
    shared = finding("MLJ201", 5, (2, 9))
    note = finding("MLJ207", 1, (1, 7), Level.NOTE, None)
    other = finding("MLJ207", 4, (1, 7), Level.NOTE, None)
    found = (shared, note, other, *(replace(each, job="b.py") for each in (shared, note, other)))
    own = finding("MLJ104", 8, (1, 7), Level.NOTE, None, job="b.py")
    report = Report((*found, own), (PLAN, replace(PLAN, script="b.py")), (), 1)
    text = render_findings(report, "apply")
    assert text.count("MLJ201 a message") == 1
    assert text.splitlines()[-1].startswith("4 findings in 2 jobs")
    _, _, second = text.partition("\nb.py\n")
    assert "MLJ104 note: a message" in second
    assert "\n  3 findings as under train.py: MLJ201, MLJ207 (2)\n" in second


def test_a_finding_that_another_job_has_otherwise_is_shown_with_both() -> None:
    fixed, noted = finding("MLJ201", 5, (2, 9)), finding("MLJ207", 1, (1, 7), Level.NOTE, None)
    left = replace(fixed, job="b.py", fix=None)
    warned = replace(noted, job="b.py", level=Level.WARNING)
    report = Report((fixed, noted, left, warned), (PLAN, replace(PLAN, script="b.py")), (), 1)
    _, _, second = render_findings(report, "apply").partition("\nb.py\n")
    assert "as under" not in second
    assert "MLJ201 a message" in second
    assert "left to you: mljob-codemod explain MLJ201" in second
    assert "MLJ207 a message" in second


def test_a_shared_finding_is_shown_again_where_its_fix_is_blocked() -> None:
    shared = finding("MLJ201", 5, (2, 9), path="common.py")
    plans = (PLAN, replace(PLAN, script="b.py", local_modules=["bad.py"]))
    report = Report((shared, replace(shared, job="b.py")), plans, REPORT.errors, 1)
    assert render_findings(report, "apply").count("MLJ201 a message") == 2


def test_reports_without_findings_say_so() -> None:
    assert render_findings(Report((), (), (), 1), "x") == "No scripts to run as jobs in 1 file.\n"
    bad = (InputError("a.py", "cannot be read"),)
    assert render_findings(Report((), (), bad, 1), "x") == (
        "No scripts to run as jobs; 1 file could not be read.\n"
    )
    assert render_findings(Report((), (PLAN,), bad, 2), "x").endswith(
        "\nNothing to do in 1 job; 1 file could not be read.\n"
    )
    assert render_findings(Report((), (PLAN, PLAN), (), 3), "x").endswith(
        "\nNothing to do in 2 jobs.\n"
    )


def test_colour_only_adds_to_the_text() -> None:
    import click

    plain, colored = (render_findings(REPORT, "apply", color=color) for color in (False, True))
    assert colored != plain
    assert click.unstyle(colored) == plain


@pytest.mark.parametrize(
    ("line", "start", "end", "expected"),
    [
        ("x = f(a)", 4, 8, ("x = f(a)", 4, 4)),
        ("\tx = 1", 1, 2, ("x = 1", 0, 1)),
        ("x\t= 1", 2, 3, ("x   = 1", 4, 1)),
        ("字 = 文(1)", 4, 8, ("字 = 文(1)", 5, 5)),
        ("e\u0301 = 1", 3, 4, ("e\u0301 = 1", 2, 1)),
        ("x = '\x1b[31m'", 4, 11, ("x = '\N{REPLACEMENT CHARACTER}[31m'", 4, 7)),
        ("x", 1, 1, ("x", 1, 1)),
        ("x", 9, 12, ("x", 1, 1)),
    ],
)
def test_excerpt_counts_columns_as_a_terminal_does(
    line: str, start: int, end: int, expected: tuple[str, int, int]
) -> None:
    assert excerpt(line, start, end) == expected


def test_excerpt_of_a_long_line_keeps_what_the_caret_points_at() -> None:
    line = "a" * 400 + "HERE" + "b" * 400
    shown, start, width = excerpt(line, 400, 404)
    assert shown[start : start + width] == "HERE"
    assert len(shown) <= WIDEST + 2
    assert (shown[0], shown[-1]) == ("…", "…")


def test_findings_in_files_that_have_gone_are_still_reported() -> None:
    Path("train.py").unlink()
    assert "train.py:8:1 MLJ101 a message\n    fix:" in render_findings(REPORT, "apply")


def test_the_name_of_a_credential_is_shown() -> None:
    Path("train.py").write_text('c = {"password": "s3c", "user": "me"}\n', encoding="utf-8")
    place = Location("train.py", Position(1, 18), Position(1, 23))
    secret = Finding("MLJ702", "the value of `password` is", place, Level.ERROR, "train.py")
    text = render_findings(Report((secret,), (PLAN,), (), 1), "apply")
    assert '| c = {"password": "***", "****": "**"}\n' in text


@pytest.mark.parametrize(
    ("code", "place", "shown"),
    [
        ("MLJ702", (1, 5, 1, 12), 'p = "*****"; q = \'***\'  # "***"'),
        ("MLJ704", (1, 1, 3, 9), 'p = "*****"; q = \'***\'  # "***"'),
        ("MLJ702", (2, 5, 3, 7), 'k = """****'),
    ],
)
def test_literals_beside_credentials_are_not_shown(
    code: str, place: tuple[int, int, int, int], shown: str
) -> None:
    lines = ['p = "s3c\\""; q = \'s3c\'  # "c3 "', 'k = """s3c-', 's3c"""; print("s3c")', ""]
    Path("train.py").write_text("\n".join(lines), encoding="utf-8")
    start, end = Position(*place[:2]), Position(*place[2:])
    secret = Finding(code, "m", Location("train.py", start, end), Level.ERROR, "train.py")
    # Whatever else is found on these lines is shown with the same care.
    others = tuple(finding("MLJ101", line, (1, 2)) for line in range(start.line, end.line + 1))
    report = Report((secret, *others), (PLAN,), (), 1)
    text = render_findings(report, "apply")
    assert "s3c" not in text
    assert f"| {shown}\n" in text


def test_a_plain_job_is_short_and_lists_have_an_end() -> None:
    plain = JobPlan("a.py", ".", "a.py", entry=Entry("guard_call", 3, "run"))
    plain.compute = Compute(gpu=False)
    assert describe_job(plain) == [
        ("runs", "run() under its main guard, by submit_file"),
        ("on", "CPU"),
        ("net", "not needed: every write that is seen is mapped"),
    ]
    plain.pip_requirements = list("abcdef")
    assert describe_job(plain)[2:-1] == [
        ("installs", "a, b, c, d and 2 more"),
        ("reaches", "PyPI or an artifact repository (for packages)"),
    ]


def test_a_job_is_described_with_the_evidence() -> None:
    plan = JobPlan("a.py", ".", "a.py")
    plan.compute = Compute(
        True, "GPU_NV_S", "POOL", nodes=2, reasons=(Evidence("net.py", 4, "x.cuda()"),)
    )
    plan.packages = [Package("cv2", "opencv-python", "custom", "a.py", 3)]
    plan.pip_requirements = ["opencv-python"]
    plan.installs = [Install("opencv-python", "opencv-python", Evidence("a.py", 3, "imports cv2"))]
    plan.services = [Service("wandb", ("api.wandb.ai",), "net.py", 9, integration="TRACKERS")]
    assert dict(describe_job(plan)[1:-1]) == {
        "on": "2 nodes of GPU GPU_NV_S, pool POOL (net.py:4: x.cuda())",
        "installs": "opencv-python (line 3)",
        "reaches": "PyPI or an artifact repository (for packages), wandb by TRACKERS (net.py:9)",
    }


@pytest.mark.parametrize(
    ("net", "shown"),
    [
        (Net(False), "not needed: every write that is seen is mapped"),
        (Net(True), "on, by the setting"),
        (Net(True, (Evidence("a.py", 7, "m"),)), "job_entry.py, for line 7"),
        (
            Net(False, (Evidence("b.py", 7, "m"),)),
            "off, by the setting, though it is there for b.py:7",
        ),
    ],
)
def test_each_job_says_whether_the_net_is_used_and_why(net: Net, shown: str) -> None:
    plan = JobPlan("a.py", ".", "a.py", net=net)
    assert describe_job(plan)[-1] == ("net", shown)


def test_json_report_fulfils_the_schema_and_the_contract() -> None:
    change = FileChange(Path("train.py").absolute(), "train.py", b"a", b"b")
    sets = (ChangeSet(("train.py",), (change,), REPORT.findings[:1], ("left alone",)),)
    for text in (render_json(REPORT), render_json(REPORT, sets, [InputError("x.py", "no")])):
        jsonschema.validate(json.loads(text), schema(), jsonschema.Draft202012Validator)
    document = json.loads(text)
    assert document["findings"][1] == {
        "code": "MLJ201",
        "level": "error",
        "message": "写 outside",
        "path": "train.py",
        "start": {"line": 5, "column": 2},
        "end": {"line": 5, "column": 26},
        "job": "train.py",
        "fix": {"safety": "unsafe", "title": "put it right"},
    }
    job = document["jobs"][0]
    assert job["packages"] == [
        {
            "import": "cv2",
            "distribution": "opencv-python",
            "status": "custom",
            "path": "train.py",
            "line": 3,
            "optional": False,
            "image_version": None,
            "guessed": False,
        }
    ]
    assert job["installs"][0]["reason"]["line"] == 3
    assert job["needs_index"] is True
    assert job["cloud_env"] == [{"path": "train.py", "line": 9, "name": "SM_MODEL_DIR"}]
    assert job["entry"] == {
        "form": "toplevel_call",
        "line": 8,
        "callee": "main",
        "returns_value": False,
    }
    assert document["errors"] == [
        {"path": "bad.py", "line": 3, "column": 1, "message": "does not parse"},
        {"path": "x.py", "line": None, "column": None, "message": "no"},
    ]
    assert document["changes"][0]["files"] == [{"path": "train.py", "created": False}]


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_schema_refuses_what_the_contract_does_not_know() -> None:
    document = json.loads(render_json(REPORT))
    document["findings"][0]["fix"]["safety"] = "perhaps"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema())


def changes(*pairs: tuple[str, bytes | None, bytes]) -> tuple[ChangeSet, ...]:
    files = tuple(FileChange(Path(name).absolute(), name, old, new) for name, old, new in pairs)
    return (ChangeSet(("train.py",), files, (), ()),)


LONG = b"".join(b"line %d\n" % n for n in range(60))
PATCHES = {
    "middle": (b"a\nb\nc\n", b"a\nB\nc\n"),
    "far apart": (LONG, LONG.replace(b"line 3\n", b"x\ny\n").replace(b"line 50\n", b"")),
    "first line": (LONG, b"import os\n" + LONG),
    "no newline before": (b"a\nb", b"a\nb\nc\n"),
    "no newline after": (b"a\nb\n", b"a\nc"),
    "no newline on both": (b"a\nb", b"a\nc"),
    "windows newlines": (b"a\r\nb\r\nc\r\n", b"a\r\nB\r\nc\r\n"),
    "mixed newlines": (b"a\r\nb\nc\rd\n", b"a\r\nB\nc\rd\n"),
    "other encodings": (b"# \xe9\xff\nb\n", b"# \xe9\xff\nB\n# \xfe\n"),
    "form feed and NEL": (b"a\x0c\x85\nb\n", b"a\x0c\x85\nc\n"),
    "new file": (None, b"new\nfile\n"),
    "new file without newline": (None, b"new"),
    "looks like a header": (b"-- a\n@@ b\n", b"++ a\n@@ b\n"),
}
NAMES = ("train.py", "my dir/my file.py", "日本/ü.py", 'quo"te\\.py', "tab\tname.py")


@pytest.mark.parametrize("tool", ["patch", "git"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", PATCHES)
def test_diffs_apply_with_patch_and_git(case: str, name: str, tool: str) -> None:
    before, after = PATCHES[case]
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if before is not None:
        path.write_bytes(before)
    patch = render_diff(changes((name, before, after)))
    command = ["patch", "-p1", "--no-backup-if-mismatch"] if tool == "patch" else ["git", "apply"]
    done = subprocess.run(command, input=patch, capture_output=True)
    assert done.returncode == 0, (done.stdout, done.stderr, patch)
    assert path.read_bytes() == after


def test_hunks_name_the_findings_behind_them() -> None:
    text = "import sys\n" + "\n" * 20 + "first(1)\n" + "\n" * 20 + "second(2)\n"
    at = {word: text.index(word) for word in ("first", "second")}
    edits = {
        "MLJ101": (ReplaceExpression(Span(at["first"], at["first"] + 8), "x"), AddImport("os")),
        "MLJ202": (ReplaceExpression(Span(at["second"], at["second"] + 9), "y"),),
    }
    applied = tuple(
        replace(
            finding(code, 1, (1, 2)),
            fix=Fix("t", Safety.SAFE, tuple(("train.py", edit) for edit in of_code)),
        )
        for code, of_code in edits.items()
    )
    after = "import os\n" + text.replace("first(1)", "x").replace("second(2)", "y")
    files = (
        FileChange(Path("train.py").absolute(), "train.py", text.encode(), after.encode()),
        FileChange(Path("submit_job.py").absolute(), "submit_job.py", None, b"x\n"),
    )
    diff = render_diff((ChangeSet(("train.py",), files, applied, ()),)).decode()
    heads = [line.split(" @@ ")[1] for line in diff.splitlines() if line.startswith("@@")]
    assert heads == ["MLJ101", "MLJ101", "MLJ202", "job train.py"]


CONVERTED = {
    "windows newlines": b"def main():\r\n    return 1\r\n\r\n\r\nmain()\r\n",
    "no final newline": b"def main():\n    return 1\n\n\nmain()",
    "latin-1": b"# coding: latin-1\n# caf\xe9\ndef main():\n    return '\xe9'\n\n\nmain()  # \xe9\n",
    "byte order mark": b"\xef\xbb\xbfdef main():\n    return 1\n\n\nmain()\n",
}


@pytest.mark.parametrize("tool", ["patch", "git"])
@pytest.mark.parametrize("case", CONVERTED)
def test_patching_gives_what_apply_writes(
    case: str, tool: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("patched", "applied"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.py").write_bytes(CONVERTED[case])
    monkeypatch.chdir(tmp_path / "applied")
    mljob = [sys.executable, "-m", "mljob_codemod", "apply", "train.py"]
    patch = subprocess.run([*mljob, "--diff"], capture_output=True).stdout
    assert run("apply", "train.py").status == 0
    monkeypatch.chdir(tmp_path / "patched")
    command = ["patch", "-p1", "--no-backup-if-mismatch"] if tool == "patch" else ["git", "apply"]
    subprocess.run(command, input=patch, capture_output=True, check=True)
    for name in ("train.py", "submit_job.py"):
        assert Path(name).read_bytes() == (tmp_path / "applied" / name).read_bytes()
    assert CONVERTED[case] != Path("train.py").read_bytes()


def test_coloured_diff_is_the_diff_with_colours() -> None:
    import click

    sets = changes(("train.py", b"a\r\nb\n", b"a\r\nc"), ("submit_job.py", None, b"x\n"))
    colored = render_diff(sets, color=True)
    assert b"\x1b[32m+c" in colored
    assert click.unstyle(colored.decode()).encode() == render_diff(sets)


def applied_set(*scripts: str) -> ChangeSet:
    folder = Path(scripts[0]).parent
    submission = (folder / "submit_job.py").as_posix()
    files = (
        FileChange(Path(scripts[0]).absolute(), scripts[0], b"a", b"b"),
        FileChange(Path(submission).absolute(), submission, None, b"x"),
    )
    return ChangeSet(scripts, files, REPORT.findings[:1], ())


def test_apply_says_what_changed_what_is_left_and_what_comes_next() -> None:
    assert (
        render_changes(REPORT, (applied_set("train.py"),), written=True)
        == """\
train.py converted
  train.py       1 edit (MLJ101)
  submit_job.py  new
Left to you:
  train.py: MLJ201 写 outside (or --unsafe-fixes)
  train.py: MLJ701 a message
Next: python submit_job.py --wait
"""
    )


def test_apply_tells_what_failed_from_what_is_left() -> None:
    text = render_changes(REPORT, (), written=True, failed=True)
    assert text.startswith("Nothing was changed.\nLeft to you:\n")
    assert "  train.py: MLJ101 a message (not fixed, see the error)\n" in text
    assert "  train.py: MLJ201 写 outside (or --unsafe-fixes)\n" in text
    assert "  train.py: MLJ701 a message\n" in text


def test_apply_with_unsafe_fixes_does_not_ask_for_them() -> None:
    text = render_changes(REPORT, (), written=True, failed=True, unsafe_fixes=True)
    assert "  train.py: MLJ201 写 outside (not fixed, see the error)\n" in text


def test_apply_names_the_script_where_several_share_a_submission() -> None:
    plans = tuple(replace(PLAN, script=f"my jobs/{name}.py") for name in "ab")
    text = render_changes(
        Report((), plans, (), 2), (applied_set("my jobs/a.py", "my jobs/b.py"),), written=True
    )
    assert text.endswith(
        "Next: python 'my jobs/submit_job.py' a.py --wait\n"
        "      python 'my jobs/submit_job.py' b.py --wait\n"
    )


def test_apply_without_changes_and_with_notices() -> None:
    kept = ChangeSet(("train.py",), (), (), ("submit_job.py was edited by hand; left alone",))
    assert render_changes(Report((), (PLAN,), (), 1), (kept,), written=True) == (
        "  submit_job.py was edited by hand; left alone\nNothing to change.\n"
    )
    text = render_changes(Report((), (PLAN,), (), 1), (applied_set("train.py"),), written=False)
    assert text.startswith("train.py would be converted\n")
    assert "Next:" not in text


RULE = Rule(
    "MLJ101",
    "lost-return-value",
    Level.WARNING,
    Documentation("Finds it.", "It is lost.", before="main()\n", after="__return__ = main()\n"),
    "assign the value",
    Safety.SAFE,
)


def test_rules_are_listed_and_explained() -> None:
    assert render_rules([RULE]) == ("MLJ101  warning  lost-return-value  assign the value (safe)\n")
    assert (
        render_rule(RULE)
        == """\
MLJ101 lost-return-value
warning; fix: assign the value (safe)

What it finds
Finds it.

Why it matters in a job
It is lost.

Before
    main()

After
    __return__ = main()
"""
    )
