"""The unmodified client, oldest and newest, against the local account: every call that people make."""

from __future__ import annotations

import json
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mljob_codemod.runtime.pool import Pool, PoolOptions

pytestmark = [pytest.mark.client, pytest.mark.slow]
ACCOUNT = Path(__file__).parents[2] / "mljob_codemod" / "runtime" / "account.py"

PREPARE = """
import json, os, runpy, sys
from pathlib import Path
account = runpy.run_path(os.environ["ACCOUNT"])
store = account["Account"](Path(sys.argv[1]))
account["server_connection"].connect = lambda **_: account["Connection"](store)
from snowflake.snowpark import Session
from snowflake.ml import jobs
session = Session.builder.getOrCreate()
def tell(**values):
    Path(sys.argv[1], "told.json").write_text(json.dumps(values))
"""
SCRIPT = """
import os, sys
with open(os.path.join(os.environ["MLRS_STAGE_RESULT_PATH"], "model.txt"), "w") as file:
    file.write("model")
print("training", *sys.argv[1:])
__return__ = {"arguments": sys.argv[1:], "files": sorted(os.listdir("."))}
"""

Drive = Callable[[str], dict[str, Any]]


@pytest.fixture
def drive(client_python: Path, tmp_path: Path) -> Drive:
    """Run client code, with `session` and `jobs` at hand, and give what it told."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "train.py").write_text(SCRIPT)
    (project / "helpers.py").write_text("VALUE = 3\n")

    def run(code: str) -> dict[str, Any]:
        account = tmp_path / "account"
        (account / "jobs").mkdir(parents=True)
        driver = tmp_path / "driver.py"
        driver.write_text(PREPARE + textwrap.dedent(code))
        options = PoolOptions(client_python, tmp_path / "cache", install=False)
        with Pool(account, options, print, lambda text: None):
            ran = subprocess.run(
                [client_python, driver, account],
                cwd=project,
                env={
                    "ACCOUNT": str(ACCOUNT),
                    "SNOWFLAKE_HOME": str(account),
                    "PATH": "/usr/bin:/bin",
                    "HOME": str(tmp_path),
                },
                capture_output=True,
                text=True,
                timeout=120,
            )
        assert ran.returncode == 0, ran.stderr[-3000:]
        told: dict[str, Any] = json.loads((account / "told.json").read_text())
        return told

    return run


def test_files_folders_and_stages_are_submitted_and_followed(drive: Drive) -> None:
    told = drive(
        """
        one = jobs.submit_file("train.py", "POOL", stage_name="S", args=["--epochs", "3"])
        two = jobs.submit_directory(".", "POOL", entrypoint="train.py", stage_name="S")
        assert one.wait() == two.wait() == "DONE", (one.get_logs(verbose=True), two.get_logs(verbose=True))
        session.file.put("train.py", "@code/src", auto_compress=False)
        three = jobs.submit_from_stage("@code/src", "POOL", entrypoint="@code/src/train.py", stage_name="S")
        status = three.wait()
        again = jobs.get_job(one.id)
        tell(
            one=again.result(),
            two=two.result(),
            three=three.result(),
            status=status,
            log=again.get_logs(),
            artifacts=[row["name"].rpartition("/")[2] for row in session.sql(f"LIST '{one._result_stage_path}/'").collect()],
            nodes=again.target_instances,
            listed=len(jobs.list_jobs()),
        )
        """
    )
    assert told["one"] == {"arguments": ["--epochs", "3"], "files": ["train.py"]}
    assert told["two"]["files"] == ["helpers.py", "train.py"]
    assert told["three"]["files"] == ["train.py"]
    assert told["status"] == "DONE"
    assert told["log"].strip().startswith("training --epochs 3")
    assert told["artifacts"] == ["mljob_result", "model.txt"]
    assert told["nodes"] == 1
    assert told["listed"] == 3


def test_functions_run_remotely_and_failures_are_raised_again(drive: Drive) -> None:
    told = drive(
        """
        @jobs.remote("POOL", stage_name="S")
        def add(a, b=1):
            return {"sum": a + b}

        @jobs.remote("POOL", stage_name="S")
        def fail():
            raise ValueError("no data")

        value = add(2, b=5).result()
        failed = fail()
        status = failed.wait()
        try:
            failed.result()
            error = None
        except RuntimeError as raised:
            error = f"{raised} from {raised.__cause__!r}"
        tell(value=value, status=status, error=error)
        """
    )
    assert told["value"] == {"sum": 7}
    assert told["status"] == "FAILED"
    assert "no data" in told["error"]


def test_jobs_are_cancelled_and_deleted(drive: Drive, tmp_path: Path) -> None:
    (tmp_path / "project" / "long.py").write_text("import time\nprint('on')\ntime.sleep(60)\n")
    told = drive(
        """
        import time
        job = jobs.submit_file("long.py", "POOL", stage_name="S")
        while job.status != "RUNNING":
            time.sleep(0.05)
        job.cancel()
        status = job.wait()
        jobs.delete_job(job)
        try:
            jobs.get_job(job.id)
            gone = False
        except Exception:
            gone = True
        tell(status=status, gone=gone)
        """
    )
    assert told == {"status": "CANCELLED", "gone": True}


def test_a_client_that_waits_longer_than_one_statement_goes_on_waiting(
    drive: Drive, tmp_path: Path
) -> None:
    (tmp_path / "project" / "slow.py").write_text("import time\ntime.sleep(4)\n")
    told = drive(
        """
        from snowflake.ml.jobs._utils import constants
        constants.JOB_SPCS_TIMEOUT_SECONDS = 1
        tell(status=jobs.submit_file("slow.py", "POOL", stage_name="S").wait())
        """
    )
    assert told["status"] == "DONE"


def test_an_unknown_statement_fails_with_the_statement(drive: Drive) -> None:
    told = drive(
        """
        try:
            session.sql("GRANT ALL ON ACCOUNT TO ROLE R").collect()
        except Exception as error:
            tell(error=str(error))
        """
    )
    assert "GRANT ALL ON ACCOUNT TO ROLE R" in told["error"]
