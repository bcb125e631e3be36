"""The commands: options, output streams and exit statuses, with the answers of what they call made by hand."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mljob_codemod import __version__, checking, cli, codemods, converting
from mljob_codemod.checking import Report
from mljob_codemod.config import Settings
from mljob_codemod.converting import ChangeSet, FileChange
from mljob_codemod.errors import InputError, ToolFault
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
from mljob_codemod.plan import JobPlan
from tests.conftest import Outcome

Run = Callable[..., Outcome]
BEFORE, AFTER = b"main()\n", b"__return__ = main()\n"


class Engine:
    """Answers in the place of the checks, and what it was asked."""

    def __init__(self) -> None:
        self.report = Report((), (JobPlan("train.py", ".", "train.py"),), (), 1)
        self.change_sets: tuple[ChangeSet, ...] = ()
        self.paths: list[str] = []
        self.settings = Settings()
        self.fails: BaseException | None = None
        self.delay = 0.0

    def check(
        self, paths: Sequence[Path], settings: Settings, progress: Callable[[int, int], None]
    ) -> Report:
        self.paths, self.settings = [path.as_posix() for path in paths], settings
        if self.fails is not None:
            raise self.fails
        progress(1, 2)
        time.sleep(self.delay)
        progress(2, 2)
        return self.report

    def convert(
        self, report: Report, settings: Settings, faults: list[InputError] | None = None
    ) -> tuple[ChangeSet, ...]:
        return self.change_sets


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    Path("train.py").write_bytes(BEFORE)
    fake = Engine()
    monkeypatch.setattr(checking, "check", fake.check)
    monkeypatch.setattr(converting, "convert", fake.convert)
    monkeypatch.setattr(codemods, "all_rules", lambda: RULES)
    return fake


DOCUMENTATION = Documentation("Finds it.", "It is lost.")
RULES = (
    Rule("MLJ101", "lost-return-value", Level.WARNING, DOCUMENTATION, "assign", Safety.SAFE),
    Rule("MLJ201", "output-option", Level.WARNING, DOCUMENTATION),
)


def finding(level: Level) -> Finding:
    location = Location("train.py", Position(1, 1), Position(1, 7))
    fix = Fix("assign", Safety.SAFE, ()) if level is Level.WARNING else None
    return Finding("MLJ101", "the value is lost", location, level, "train.py", fix)


def pending(fake: Engine) -> None:
    """Give the checks one finding with a change to make for it."""
    found = finding(Level.WARNING)
    fake.report = Report((found,), fake.report.jobs, (), 1)
    changes = (
        FileChange(Path("train.py").absolute(), "train.py", BEFORE, AFTER),
        FileChange(Path("submit_job.py").absolute(), "submit_job.py", None, b"x\n"),
    )
    fake.change_sets = (ChangeSet(("train.py",), changes, (found,), ()),)


@pytest.mark.parametrize(
    ("level", "status"), [(Level.ERROR, 1), (Level.WARNING, 1), (Level.NOTE, 0), (None, 0)]
)
def test_check_exits_1_for_errors_and_warnings_only(
    fake: Engine, run: Run, level: Level | None, status: int
) -> None:
    if level is not None:
        fake.report = Report((finding(level),), fake.report.jobs, (), 1)
    outcome = run("check")
    assert (outcome.status, outcome.err) == (status, "")
    assert ("MLJ101" in outcome.out) == (level is not None)
    assert fake.paths == ["."]


def test_unreadable_files_are_errors_beside_the_report(fake: Engine, run: Run) -> None:
    pending(fake)
    bad = InputError("bad.py", "does not parse", line=3)
    fake.report = Report(fake.report.findings, fake.report.jobs, (bad,), 2)
    for arguments in (["check"], ["apply", "--check"], ["apply", "--diff"], ["apply"]):
        outcome = run(*arguments)
        assert (outcome.status, outcome.err) == (2, "error: bad.py:3: does not parse\n")
        assert "train.py" in outcome.out
    assert Path("train.py").read_bytes() == AFTER


def test_check_as_json_is_all_that_is_printed(fake: Engine, run: Run) -> None:
    pending(fake)
    outcome = run("check", "--output-format", "json", "train.py")
    assert json.loads(outcome.out)["findings"][0]["code"] == "MLJ101"
    assert (outcome.status, outcome.err) == (1, "")


def test_the_summary_names_the_command_that_fixes(fake: Engine, run: Run) -> None:
    pending(fake)
    assert "1 fixed by `mljob-codemod apply`\n" in run("check").out
    assert "`mljob-codemod apply 'a b.py' c`" in run("check", "a b.py", "c").out
    named = run("check", "--return", "model", "--unsafe-fixes", "--net", "false", "c").out
    assert "`mljob-codemod apply --unsafe-fixes --return model --net false c`" in named


def test_options_reach_the_settings_and_win_over_the_file(fake: Engine, run: Run) -> None:
    Path("mljob.toml").write_text(
        'database = "D"\nselect = ["MLJ2"]\nexclude = ["x"]\n[jobs."train.py"]\nreturn = "a"\n'
    )
    run("check")
    assert (fake.settings.database, fake.settings.select) == ("D", ("MLJ2",))
    run(
        *("check", "--select", "MLJ1,output-option", "--select", "mlj101", "--ignore", "MLJ2"),
        *("--exclude", "y", "--unsafe-fixes", "--return", "model", "--force-exclude", "train.py"),
    )
    assert fake.settings.select == ("MLJ1", "output-option", "mlj101")
    assert fake.settings.ignore == ("MLJ2",)
    assert (fake.settings.exclude, fake.settings.exclude_here) == (("x",), ("y",))
    assert fake.settings.unsafe_fixes
    assert fake.settings.force_exclude
    assert fake.settings.job(Path("train.py")).return_name == "model"


@pytest.mark.parametrize(("option", "chosen"), [("true", True), ("false", False), ("auto", None)])
def test_the_net_of_the_command_line_wins_over_that_of_a_script(
    fake: Engine, run: Run, option: str, chosen: bool | None
) -> None:
    other = "false" if option == "true" else "true"
    Path("mljob.toml").write_text(f'net = {other}\n[jobs."train.py"]\nnet = {other}\n')
    run("check", "--net", option)
    assert fake.settings.net_of(Path("train.py")) is chosen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "--select", "MLJ9"], "no rule 'MLJ9'"),
        (["check", "--ignore", "lost-return-valu"], "did you mean lost-return-value?"),
        (["apply", "--return", "a.b"], "'a.b' is no name in Python"),
        (["apply", "--diff", "--output-format", "json"], "exclude each other"),
        (["explain", "MLJ999"], "no rule 'MLJ999'"),
        (["chek"], "No such command 'chek'"),
        (["check", "--nonsense"], "--nonsense"),
    ],
)
def test_usage_errors_exit_2(fake: Engine, run: Run, arguments: list[str], message: str) -> None:
    outcome = run(*arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err


def test_errors_in_the_settings_are_one_line(fake: Engine, run: Run) -> None:
    Path("mljob.toml").write_text("\nstge = 'S'\n")
    outcome = run("check")
    assert outcome.status == 2
    assert outcome.err == "error: mljob.toml:2: unknown setting 'stge'; did you mean 'stage'?\n"


@pytest.mark.parametrize(
    ("name", "table"), [("mljob.toml", ""), ("pyproject.toml", "[tool.mljob-codemod]")]
)
def test_a_rule_that_the_settings_misname_is_told_with_its_place(
    fake: Engine, run: Run, name: str, table: str
) -> None:
    Path(name).write_text(f'{table}\nignore = ["lost-return-valu"]\n')
    outcome = run("check")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == (
        f"error: {name}:2: no rule 'lost-return-valu'; did you mean lost-return-value? "
        "`mljob-codemod rules` lists all\n"
    )


def test_apply_writes_and_says_what_comes_next(fake: Engine, run: Run) -> None:
    pending(fake)
    outcome = run("apply", "train.py")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.endswith("Next: python submit_job.py --wait\n")
    assert Path("train.py").read_bytes() == AFTER
    assert Path("submit_job.py").read_bytes() == b"x\n"


@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_check_and_diff_write_nothing_and_exit_1_for_changes(
    fake: Engine, run: Run, option: str
) -> None:
    assert run("apply", option).status == 0
    pending(fake)
    outcome = run("apply", option)
    assert (outcome.status, outcome.err) == (1, "")
    assert os.listdir() == ["train.py"]
    assert Path("train.py").read_bytes() == BEFORE
    assert outcome.out.startswith(
        "--- a/train.py\n+++ b/train.py\n" if option == "--diff" else "train.py would be"
    )


def test_diff_prints_bytes_as_they_are(
    fake: Engine, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    change = FileChange(
        Path("train.py").absolute(), "train.py", b"# \xff\r\na\r\n", b"# \xff\r\nb\r\n"
    )
    fake.change_sets = (ChangeSet(("train.py",), (change,), (), ("left alone",)),)
    assert cli.main(["apply", "--diff"]) == 1
    out, err = capfdbinary.readouterr()
    assert out.endswith(b" # \xff\r\n-a\r\n+b\r\n")
    assert err == b"left alone\n"


def test_a_set_that_cannot_be_written_stops_no_other(fake: Engine, run: Run) -> None:
    pending(fake)
    Path("other.py").write_bytes(b"edited meanwhile")
    stale = FileChange(Path("other.py").absolute(), "other.py", b"old", b"new")
    fake.change_sets = (ChangeSet(("other.py",), (stale,), (), ()), *fake.change_sets)
    outcome = run("apply")
    assert outcome.status == 2
    assert outcome.err.startswith("error: other.py: changed while the tool ran")
    assert "other.py converted" not in outcome.out
    assert Path("train.py").read_bytes() == AFTER
    fake.change_sets = fake.change_sets[:1]
    document = json.loads(run("apply", "--output-format", "json").out)
    assert document["errors"][0]["path"] == "other.py"
    assert document["changes"] == []


def test_a_fault_of_the_tool_is_said_to_be_one(fake: Engine, run: Run) -> None:
    fake.fails = ToolFault("train.py: the rewritten source differs outside the edits")
    outcome = run("apply")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == (
        "error: train.py: the rewritten source differs outside the edits "
        "(a fault of mljob-codemod; nothing was written)\n"
    )


def test_interrupt_is_one_line_and_status_130(fake: Engine, run: Run) -> None:
    fake.fails = KeyboardInterrupt()
    outcome = run("apply")
    assert outcome.status == 130
    assert outcome.err.startswith("interrupted: ")
    assert outcome.err.count("\n") == 1


def test_show_settings_prints_them_with_the_files(fake: Engine, run: Run) -> None:
    Path("mljob.toml").write_text(
        'stage = "S"\nintegrations.huggingface = "HF"\n'
        '[jobs."train.py"]\nargs = ["--é"]\nreturn = "model"\n',
        encoding="utf-8",
    )
    outcome = run("check", "--show-settings", "--exclude", "x")
    assert outcome.status == 0
    assert outcome.out == (
        "# settings file: mljob.toml\n"
        'stage = "S"\n'
        'integrations = { huggingface = "HF" }\n'
        "net_seconds = 300\n"
        'pins = "declared"\n'
        "payload_megabytes = 1000\n"
        "unsafe_fixes = false\n"
        'jobs = { "train.py" = { args = ["--é"], return = "model" } }\n'
        'exclude_here = ["x"]\n'
        "force_exclude = false\n"
        "# files: 1\n"
        "train.py\n"
    )
    assert run("check", "--show-settings", "missing.py").status == 2


def test_explain_takes_codes_and_names(fake: Engine, run: Run) -> None:
    by_code, by_name = run("explain", "mlj101"), run("explain", "lost-return-value")
    assert by_code == by_name
    assert by_code.out.startswith("MLJ101 lost-return-value\n")
    assert run("rules").out.count("\n") == len(RULES)


@pytest.mark.parametrize(
    ("arguments", "environment", "colored"),
    [
        ([], {}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_of_what_is_no_terminal(
    fake: Engine,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    colored: bool,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    pending(fake)
    for command in (["check"], ["apply", "--diff"], ["apply", "--check"]):
        assert ("\x1b[" in run(*command, *arguments).out) == colored


@pytest.mark.parametrize(("delay", "shown"), [(0.0, False), (1.1, True)])
def test_progress_appears_on_a_terminal_after_a_second(
    fake: Engine, monkeypatch: pytest.MonkeyPatch, delay: float, shown: bool
) -> None:
    parent, child = pty.openpty()
    fake.delay = delay
    with os.fdopen(child, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        assert cli.main(["check"]) == 0
        terminal.write("end")
        terminal.flush()
        output = b""
        while not output.endswith(b"end"):
            output += os.read(parent, 65536)
    os.close(parent)
    assert (b"Reading" in output) == shown


def test_progress_takes_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(cli._Progress, "DELAY", 0.0)
    before = threading.active_count()
    with cli._Progress() as progress:
        progress(1, 2)
        assert threading.active_count() == before


def test_help_version_and_module_start(run: Run) -> None:
    assert run("--version").out == f"mljob-codemod, version {__version__}\n"
    for arguments in ([], ["check"], ["apply"], ["explain"], ["rules"]):
        outcome = run(*arguments, "--help")
        assert outcome.status == 0
        assert "Usage: mljob-codemod" in outcome.out
    module = subprocess.run(
        [sys.executable, "-m", "mljob_codemod", "--help"], capture_output=True, text=True
    )
    assert module.stdout == run("--help").out


def test_completion_through_click(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "_MLJOB_CODEMOD_COMPLETE": "bash_complete",
        "COMP_WORDS": "mljob-codemod ch",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", "from mljob_codemod.cli import main; main()"],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.stdout == "plain,check\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = "import sys; from mljob_codemod.cli import main; sys.exit(main(['--help']))"
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as broken:
        done = subprocess.run([sys.executable, "-c", code], stdout=broken, stderr=subprocess.PIPE)
    assert done.stderr == b""


def test_start_imports_nothing_slow() -> None:
    code = "import sys, mljob_codemod.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # "snowflake" itself is there wherever its packages are installed: it is a namespace.
    slow = {"difflib", "libcst", "pathspec", "rich", "snowflake.ml", "snowflake.snowpark"}
    assert slow.isdisjoint(done.stdout.split())
