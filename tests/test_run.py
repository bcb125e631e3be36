"""`mljob-codemod run`: conversions submitted by their own submit_job.py and run under the real launcher."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mljob_codemod.cli import main
from mljob_codemod.runtime.outcome import RunResult
from mljob_codemod.runtime.report import ScriptOutput
from tests.harness import default_python

pytestmark = pytest.mark.launcher
EXAMPLE = Path(__file__).parents[1] / "examples" / "churn"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    """Exit status, the JSON outcome, and what went to standard error."""
    options = ["--json", "--no-install", "--python", str(default_python())]
    status = main(["run", *options, *arguments])
    captured = capsys.readouterr()
    return status, json.loads(captured.out) if captured.out else None, captured.err


def test_an_unconverted_project_runs_in_a_copy(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(EXAMPLE, project, dirs_exist_ok=True)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    status, outcome, errors = run(capsys, "--compare", "--result-dir", "out", "train.py")
    assert status == 0, errors
    assert outcome["converted"]
    assert outcome["result"]["json"] == {"accuracy": 0.8333, "roc_auc": 0.8755}
    assert {each["path"] for each in outcome["artifacts"]} == {
        "importance.csv",
        "outputs/confusion.png",
        "outputs/metrics.json",
        "outputs/model.joblib",
    }
    assert outcome["differences"] == outcome["lost"] == outcome["diagnosis"] == []
    assert "accuracy 0.833" in errors
    assert (project / "out" / "outputs" / "metrics.json").exists()
    shutil.rmtree(project / "out")
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_a_converted_script_is_submitted_by_its_own_file(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("train.py").write_text(
        "import sys\n\n\ndef main():\n    return sys.argv[1:]\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    assert main(["apply", "train.py"]) == 0
    capsys.readouterr()
    status, outcome, _ = run(capsys, "train.py", "--", "--epochs", "1")
    assert status == 0
    assert not outcome["converted"]
    assert outcome["result"]["json"] == ["--epochs", "1"]


def test_comparison_has_the_users_variables_and_working_directory(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "lib/keep.py": "def keep(text):\n    open('kept.txt', 'w').write(text)\n",
        "code/rows.txt": "1\n",
        "code/steps/train.py": "import os\nif 'MODE' not in os.environ:\n    raise SystemExit('no MODE')\n"
        "from keep import keep\nkeep(open('rows.txt').read())\n",
    }
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    monkeypatch.chdir(project / "code")
    monkeypatch.setenv("PYTHONPATH", str(project / "lib"))
    _, outcome, errors = run(capsys, "--compare", "steps/train.py")
    assert outcome["differences"] == []
    assert outcome["outside_status"] == 1
    monkeypatch.setenv("MODE", "mine")
    _, outcome, errors = run(capsys, "--compare", "steps/train.py")
    assert outcome["outside_status"] == 0, errors
    assert outcome["differences"] == []


@pytest.mark.parametrize(
    ("source", "job_status", "cause"),
    [
        ("print('start')\nraise ValueError('no data')\n", "FAILED", "no data"),
        (
            "import nowhere_to_be_found\nnowhere_to_be_found.go()\n",
            "FAILED",
            "the job has no module nowhere_to_be_found",
        ),
        ("import sys\nsys.exit(3)\n", "FAILED", ""),
    ],
)
def test_a_failing_script_fails_the_command_and_is_explained(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    source: str,
    job_status: str,
    cause: str,
) -> None:
    Path("train.py").write_text(source)
    options = ["--no-install", "--python", str(default_python())]
    assert main(["run", *options, "train.py"]) == 1
    text = capsys.readouterr().out
    assert f"job        {job_status}" in text
    assert cause in text
    _, outcome, _ = run(capsys, "train.py")
    causes = outcome["diagnosis"]
    assert ("Cause: " in text) is bool(causes)
    assert all(f": {each['cause']}\n" in text for each in causes[:3])
    assert all(f"  Remedy: {each['remedy']}" in text for each in causes[:3])


@pytest.mark.parametrize(
    ("module", "cause", "remedy"),
    [
        ("lightgbm", "this Python has no module lightgbm", "run: pip install lightgbm"),
        ("lightgbm.fast", "the job has no module lightgbm.fast", "if it is a package, "),
        ("acme", "the job has no module acme", "if it is a package, "),
    ],
)
def test_a_package_that_only_this_python_lacks_is_told_as_such(
    module: str, cause: str, remedy: str
) -> None:
    log = f"ModuleNotFoundError: No module named '{module}'\n"
    (found,) = RunResult("train.py", "FAILED", 1.0, False, log=log).diagnosis
    assert found.cause.startswith(cause)
    assert found.remedy.startswith(remedy)


def test_files_outside_the_result_path_are_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mljob.toml").write_text("net = false\n")
    Path("train.py").write_text(
        "import configparser\nparser = configparser.ConfigParser()\n"
        "parser.read_string('[a]\\nout = lost.txt')\nopen(parser['a']['out'], 'w').write('x')\n"
    )
    status, outcome, _ = run(capsys, "train.py")
    assert status == 0
    assert outcome["lost"] == [
        {"path": "payload/lost.txt", "size": 1, "net": False, "by": "train.py:4"}
    ]
    Path("mljob.toml").unlink()
    _, outcome, _ = run(capsys, "train.py")
    assert outcome["lost"] == []
    assert outcome["artifacts"] == [{"path": "lost.txt", "size": 1, "net": True, "by": None}]


def test_places_are_told_as_the_user_has_them(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Converting the copy inserts lines above."""
    Path("mljob.toml").write_text("net = false\n")
    Path("train.py").write_text(
        "import configparser\n\n\ndef main():\n    with open('model.txt', 'w') as file:\n        file.write('m')\n"
        "    parser = configparser.ConfigParser()\n    parser.read_string('[a]\\nout = x.log')\n"
        "    with open(parser['a']['out'], 'a') as file:\n        file.write('x')\n\n\nmain()\n"
    )
    options = ["--no-install", "--python", str(default_python())]
    assert main(["run", *options, "train.py"]) == 1
    text = capsys.readouterr().out
    assert "refused    append to x.log, at train.py:9: a stage does not take this" in text
    assert 'File "train.py", line 9, in main' in text
    assert 'File "train.py", line 13, in <module>' in text
    assert "Operation not supported: 'x.log'" in text


def test_a_failure_below_the_job_entry_is_told_as_one_of_the_script(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The entry runs the script in a copy of the payload."""
    Path("train.py").write_text(
        "import configparser\n\nparser = configparser.ConfigParser()\n"
        "parser.read_string('[a]\\nout = lost.txt')\nopen(parser['a']['out'], 'w').write('x')\n"
        "print('written')\nraise ValueError('no data')\n"
    )
    status, outcome, _ = run(capsys, "train.py")
    assert status == 1
    assert [each["net"] for each in outcome["artifacts"]] == [True]
    assert outcome["error"].splitlines()[:3] == [
        "Traceback (most recent call last):",
        '  File "train.py", line 7, in <module>',
        "    raise ValueError('no data')",
    ]


def test_memory_and_cores_are_those_of_the_instance_family(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("train.py").write_text(
        "import os\nprint('cores')\n__return__ = len(os.sched_getaffinity(0))\n"
    )
    status, outcome, _ = run(capsys, "--instance-family", "gen_x64_g2_2", "train.py")
    assert status == 0
    assert outcome["result"]["json"] == 1
    assert any(text.startswith("memory: 6 GiB") for text in outcome["isolation"])
    options = ["--python", str(default_python()), "--instance-family", "CPU_X64"]
    assert main(["run", *options, "train.py"]) == 2
    assert "is it CPU_X64_S" in capsys.readouterr().err


def test_nodes_that_are_not_there_are_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mljob.toml").write_text("target_instances = 3\nmin_instances = 2\n")
    Path("train.py").write_text(
        "import os\nprint('nodes')\n__return__ = os.environ['SNOWFLAKE_JOBS_COUNT']\n"
    )
    options = ["--no-install", "--python", str(default_python())]
    assert main(["run", *options, "train.py"]) == 0
    text = capsys.readouterr().out
    assert "result     '1' (str)" in text
    assert "nodes      1 of 3: several are run here where Ray is installed" in text


RAY = """
import json, os
CALLS = os.path.join(os.environ["HOME"], "calls.json")
def init(**options):
    assert options["address"] == "auto"
    print("ray connects to", os.environ["RAY_ADDRESS"])
def is_initialized():
    return True
def nodes():
    return [{"Alive": True}] * 3
"""
RAY_CLUSTER = """
class Cluster:
    address = "127.0.0.1:6379"
    def __init__(self, initialize_head, head_node_args):
        print("head", head_node_args["resources"])
    def add_node(self, resources):
        print("node", sorted(resources)[-1])
    def shutdown(self):
        print("shut down")
"""


def test_ray_is_started_as_in_the_image_where_it_is_installed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ray itself is too large for the tests: a stand-in shows what is asked of it."""
    Path("ray").mkdir()
    Path("ray", "__init__.py").write_text(RAY)
    Path("ray", "cluster_utils.py").write_text(RAY_CLUSTER)
    Path("mljob.toml").write_text("target_instances = 3\n")
    Path("train.py").write_text(
        "import os\nimport ray\n\nprint(ray.__name__)\n__return__ = os.environ['SNOWFLAKE_JOBS_COUNT'], len(ray.nodes())\n"
    )
    status, outcome, _ = run(capsys, "train.py")
    assert status == 0
    assert outcome["result"]["json"] == ["3", 3]
    assert outcome["nodes"] == {"asked": 3, "run": 3, "parallel": False}
    log = outcome["log"].splitlines()
    assert log[0] == "head {'node_tag:head': 1}"
    assert log[1:3] == ["node node_tag:worker"] * 2
    assert "ray connects to 127.0.0.1:6379" in log
    assert log[-1] == "shut down"


def test_a_host_that_no_network_reaches_is_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("train.py").write_text(
        "import urllib.request\nurllib.request.urlopen('https://models.example.com/a')\n"
    )
    status, outcome, _ = run(capsys, "--no-network", "train.py")
    assert status == 1
    assert outcome["hosts_asked"] == ["models.example.com"]


def test_a_job_that_takes_too_long_is_ended(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("train.py").write_text("import time\ntime.sleep(60)\n")
    status, outcome, _ = run(capsys, "--timeout", "10", "train.py")
    assert status == 1
    assert outcome["timed_out"]
    assert outcome["status"] == "FAILED"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_behind(project: Path, number: signal.Signals) -> None:
    temporary = project / "temporary"
    temporary.mkdir()
    Path("train.py").write_text(
        "import os, time\nprint('process', os.getpid(), flush=True)\ntime.sleep(60)\n"
    )
    command = [sys.executable, "-m", "mljob_codemod", "run", "--python", str(default_python())]
    running = subprocess.Popen(
        [*command, "--no-install", "train.py"],
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(EXAMPLE.parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    job = int(running.stdout.readline().split()[1])
    running.send_signal(number)
    _, errors = running.communicate(timeout=30)
    assert running.returncode == 130
    assert errors.splitlines()[-1] == "interrupted: the job is ended"
    assert list(temporary.glob("mljob-run-*")) == []
    with pytest.raises(ProcessLookupError):
        os.kill(job, 0)


def test_a_submission_of_a_persons_own_is_named_and_an_edited_one_is_used(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "def main():\n    return 1\n\n\nif __name__ == '__main__':\n    main()\n"
    Path("train.py").write_text(source)
    Path("submit_job.py").write_text("print('mine')\n")
    assert main(["run", "--python", str(default_python()), "train.py"]) == 2
    errors = capsys.readouterr().err
    assert "error: submit_job.py: was not written by mljob-codemod (it has no table JOBS)" in errors
    Path("submit_job.py").unlink()
    assert main(["apply", "train.py"]) == 0
    edited = Path("submit_job.py").read_text() + "# edited\n"
    Path("submit_job.py").write_text(edited)
    Path("train.py").write_text(source)
    capsys.readouterr()
    status, outcome, _ = run(capsys, "train.py")
    assert status == 0
    assert outcome["result"]["json"] == 1
    assert Path("submit_job.py").read_text() == edited
    assert Path("train.py").read_text() == source


def test_only_the_script_is_copied_where_it_travels_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("train.py").write_text("print('alone')\n__return__ = 1\n")
    Path("unreadable").write_text("x")
    Path("unreadable").chmod(0)
    os.mkfifo("pipe")
    status, outcome, _ = run(capsys, "train.py")
    assert (status, outcome["result"]["json"]) == (0, 1)
    status, outcome, errors = run(capsys, "--compare", "train.py")
    assert status == 0
    assert "left out of the copy: " in errors


def test_what_cannot_be_submitted_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("train.py").write_text("print(1)\n")
    assert main(["run", "--python", "/bin/true", "train.py"]) in (1, 2)
    capsys.readouterr()
    assert main(["run", "--python", shutil.which("false") or "/bin/false", "train.py"]) == 2
    assert "has no snowflake-ml-python: run pip install" in capsys.readouterr().err
    assert main(["run", "missing.py"]) == 2


def test_the_launchers_own_lines_are_left_out() -> None:
    log = [
        "INFO version\n",
        "-----\n",
        "ML job started\n",
        "-----\n",
        "one\n",
        "---\n",
        "two\n",
        "-----\n",
        "ML job finished\n",
        "-----\n",
    ]
    output = ScriptOutput()
    assert "".join(map(output, log)) == "one\n---\ntwo\n"


@pytest.mark.parametrize(
    "first",
    [
        "Traceback (most recent call last):\n",
        "multiprocessing.pool.RemoteTraceback: \n",
        "  + Exception Group Traceback (most recent call last):\n",
    ],
)
def test_the_launchers_traceback_is_left_out_and_a_closed_session_is_not_the_end(
    first: str,
) -> None:
    closing = ["2026-01-01 10:00:00,000 - INFO - Closing session: 1\n"]
    closing += ["2026-01-01 10:00:00,000 - INFO - Closed session: 1\n"]
    log = ["ML job started\n", "-----\n", "one\n", *closing, "two\n", *closing]
    log += [first, '  File "mljob_launcher.py"\n']
    output = ScriptOutput()
    assert "".join(map(output, log)) == "".join(["one\n", *closing, "two\n"])


def test_an_input_above_the_working_directory_travels_within_the_repository(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Path(__file__).parents[1] / "fixtures/submission/input_above_the_scripts_folder/before"
    shutil.copytree(case, project / "repository")
    (project / "repository" / ".git").mkdir()
    monkeypatch.chdir(project / "repository" / "demo" / "guide")
    status, outcome, errors = run(capsys, "train.py")
    assert status == 0, errors
    assert "total 6" in errors
    assert outcome["status"] == "DONE"
