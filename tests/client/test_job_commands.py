"""`mljob-codemod job …` against the local account, through the unmodified client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from mljob_codemod.runtime.pool import Pool, PoolOptions

pytestmark = [pytest.mark.client, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "mljob_codemod" / "runtime"
DRIVER = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(RUNTIME)!r})
import local_account
del sys.path[0]
local_account.install(Path(os.environ["SNOWFLAKE_HOME"]))
"""
SUBMIT = f"""{DRIVER}
from snowflake.snowpark import Session
from snowflake.ml import jobs
Session.builder.getOrCreate()
job = jobs.submit_file("train.py", "POOL", stage_name="S")
print(f"job {{job.id}}: {{job.status}}")
if "--wait" in sys.argv:
    status = job.wait()
    print(job.get_logs())
    sys.exit(status != "DONE")
"""
COMMANDS = f"""{DRIVER}
import contextlib, io, json
from mljob_codemod.cli import main
for line in sys.stdin:
    folder, arguments = json.loads(line)
    out, err = io.StringIO(), io.StringIO()
    os.chdir(folder)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)
"""
"""Runs one command a line of standard input, in one process: to import the client takes seconds."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    if find_spec("snowflake") is None or sys.version_info[:2] > (3, 12):
        pytest.skip("the commands run in this Python, which has no client")
    # Stands for the generated file: JOBS is what the command reads of it.
    (tmp_path / "submit_job.py").write_text('JOBS = {"train.py": None}\n' + SUBMIT)
    (tmp_path / "train.py").write_text(
        "import os\nprint('hello')\n"
        "place = os.path.join(os.environ['MLRS_STAGE_RESULT_PATH'], 'deep')\n"
        "os.makedirs(place)\n"
        "open(os.path.join(place, 'model.txt'), 'w').write('m')\n"
        "__return__ = {'accuracy': 0.9}\n"
    )
    (tmp_path / "account" / "jobs").mkdir(parents=True)
    (tmp_path / "sub").mkdir()
    return tmp_path


Command = Callable[..., str]


@pytest.fixture
def command(project: Path) -> Iterator[Command]:
    """Run `mljob-codemod` in the project; what it prints, on standard error where it ends with 2."""
    environment = {"SNOWFLAKE_HOME": str(project / "account"), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", COMMANDS],
        cwd=project,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def run(*arguments: str, status: int = 0, folder: str = ".") -> str:
            print(json.dumps([str(project / folder), arguments]), file=process.stdin, flush=True)
            assert process.stdout is not None
            ended, out, err = json.loads(process.stdout.readline())
            assert ended == status, out + err
            printed: str = err if status == 2 else out
            return printed

        yield run
        process.stdin.close()


def test_a_job_from_submission_to_deletion(project: Path, command: Command) -> None:
    def told(*arguments: str, status: int = 0, folder: str = ".") -> Any:
        return json.loads(command(*arguments, "--json", status=status, folder=folder))

    account = project / "account"
    assert "no job was submitted from here" in command("job", "status", status=2)
    options = PoolOptions(Path(sys.executable), project / "cache", install=False)
    with Pool(account, options, print, lambda text: None):
        submitted = told("job", "submit", "train.py")
        assert submitted["id"].startswith("LOCAL.JOBS.TRAIN")
        assert submitted["diagnosis"] == []
        (remembered,) = told("job", "list", "--here")
        assert (remembered["id"], remembered["script"]) == (submitted["id"], "train.py")
        done = {"id": submitted["id"], "status": "DONE"}
        assert told("job", "wait") == done
        assert told("job", "status") == done
        assert command("job", "status") == f"{submitted['id']}: DONE\n"
        assert command("job", "logs").strip() == "hello"
        assert command("job", "logs", "--follow").strip() == "hello"
        assert told("job", "logs")["log"].strip() == "hello"
        assert told("job", "result") == {"accuracy": 0.9}
        assert told("job", "artifacts") == [{"name": "deep/model.txt", "size": 1}]
        assert command("job", "artifacts", "--download", "out").split()[-1] == "deep/model.txt"
        assert (project / "out" / "deep" / "model.txt").read_text() == "m"
        assert [row["status"] for row in told("job", "list")] == ["DONE"]
        assert command("job", "list").split()[:2] == ["name", "status"]
        assert "is DONE: there is nothing to explain" in command("job", "diagnose", status=2)
        # The project is the folder of its settings, wherever one stands in it.
        (project / "mljob.toml").touch()
        assert told("job", "status", folder="sub")["id"] == submitted["id"]
        assert told("job", "delete", submitted["id"], "--yes")["status"] == "DELETED"
        assert command("job", "status").strip().endswith(": DELETED")
        assert "no job NO.SUCH.JOB: " in command("job", "status", "NO.SUCH.JOB", status=2)

        (project / "train.py").write_text("print('go')\nimport nowhere_to_be_found\n")
        cause = "the job has no module nowhere_to_be_found"
        assert f"Cause: {cause}" in command("job", "submit", "train.py", "--wait", status=1)
        assert f"Cause: {cause}" in command("job", "diagnose")
        (failed, *_) = told("job", "list", "--here")
        assert told("job", "diagnose", failed["id"])[0]["cause"] == cause
        assert told("job", "submit", "--wait", status=1)["diagnosis"][0]["cause"] == cause
        command("job", "result", status=1)

        (project / "train.py").write_text("import time\ntime.sleep(300)\n")
        # Without a script, what follows "--" is the script's all the same.
        running = json.loads(command("job", "submit", "--json", "--", "--seed", "3"))
        assert f"{running['id']} has not ended: " in command("job", "wait", "--timeout=1", status=2)
        assert told("job", "cancel")["id"] == running["id"]
        assert command("job", "wait", status=1) == f"{running['id']}: CANCELLED\n"
        assert "cause" in command("job", "diagnose", status=1)


def test_what_cannot_be_submitted_is_one_line(project: Path, command: Command) -> None:
    def message(*arguments: str) -> str:
        (line,) = command("job", "submit", *arguments, status=2).splitlines()
        return line

    assert message("other.py") == (
        "error: submit_job.py: submits train.py: run mljob-codemod apply other.py"
    )
    submission = project / "submit_job.py"
    submission.write_text('JOBS = {"a.py": None, "b.py": None}\n')
    assert message() == "error: submit_job.py: submits a.py, b.py: name one"
    submission.unlink()
    assert message() == "error: submit_job.py: is missing: run mljob-codemod apply first"


def test_a_connection_that_cannot_be_opened_is_one_line_without_secrets(project: Path) -> None:
    home = project / "home"
    home.mkdir()
    connections = home / "connections.toml"
    connections.write_text('[dev]\naccount = "a"\npassword = "s3cret"\n')
    connections.chmod(0o600)
    (project / "mljob.toml").write_text('connection = "prod"\n')

    def message() -> str:
        ran = subprocess.run(
            [sys.executable, "-m", "mljob_codemod", "job", "status", "X"],
            cwd=project,
            env={**os.environ, "SNOWFLAKE_HOME": str(home), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "s3cret" not in ran.stderr
        (line,) = ran.stderr.splitlines()
        return line

    assert "cannot open the connection 'prod': Invalid connection_name 'prod'" in message()
    connections.write_text('[prod]\npassword = s3cret"\n')
    assert "cannot open the connection 'prod': " in message()
