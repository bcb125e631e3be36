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
RUNTIME = Path(__file__).parents[2] / "mljob_codemod" / "runtime"

PREPARE = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, os.environ["RUNTIME"])
import local_account
del sys.path[0]
local_account.install(Path(sys.argv[1]))
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
                    "RUNTIME": str(RUNTIME),
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
        session.sql("CREATE STAGE code").collect()
        session.file.put("train.py", "@code/src", auto_compress=False)
        three = jobs.submit_from_stage("@code/src", "POOL", entrypoint="@code/src/train.py", stage_name="S")
        status = three.wait()
        Path("tools").mkdir()
        Path("tools", "__init__.py").write_text("VALUE = 4")
        Path("uses.py").write_text("import tools\\n__return__ = tools.VALUE\\n")
        four = jobs.submit_file("uses.py", "POOL", stage_name="S", imports=[("tools", "tools")])
        assert four.wait() == "DONE", four.get_logs(verbose=True)
        again = jobs.get_job(one.id)
        tell(
            one=again.result(),
            two=two.result(),
            three=three.result(),
            four=four.result(),
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
    assert told["four"] == 4
    assert told["status"] == "DONE"
    assert told["log"].strip().startswith("training --epochs 3")
    assert told["artifacts"] == ["mljob_result", "model.txt"]
    assert told["nodes"] == 1
    assert told["listed"] == 4


def test_jobs_are_described_and_listed_as_they_were_submitted(drive: Drive) -> None:
    told = drive(
        """
        before = jobs.list_jobs()
        one = jobs.submit_file("train.py", "POOL", stage_name="S", args=["-h", "x"], name="first")
        assert one.wait() == "DONE"
        other = jobs.submit_directory(
            ".", "POOL", entrypoint="train.py", stage_name="OTHER.PLACE.S2", target_instances=3,
            min_instances=2, database="OTHER", schema="PLACE", env_vars={"SIZE": "large"},
        )
        assert other.wait() == "DONE", other.get_logs(verbose=True)
        two = jobs.submit_file("train.py", "POOL", stage_name="S")
        two.wait()
        listed = jobs.list_jobs()
        there = jobs.get_job(other.id)
        name = one.id.rpartition(".")[2]
        tell(
            empty=len(before),
            names=[name.rpartition("_")[0] for name in listed["name"]],
            columns=list(listed.columns),
            newest=list(jobs.list_jobs(limit=1)["name"]) == [two.id.rpartition(".")[2]],
            elsewhere=jobs.list_jobs(database="OTHER", schema="PLACE")[["status", "target_instances"]].values.tolist(),
            ended=[bool(time) for time in listed["completed_time"]],
            nodes=[there.target_instances, there.min_instances],
            id=other.id.rpartition("_")[0],
            short=jobs.get_job(name).id == one.id,
            stages=sorted(row["name"] for row in session.sql("SHOW STAGES").collect()),
        )
        """
    )
    assert told["empty"] == 0
    assert told["names"][1] == "FIRST"
    assert len(told["names"]) == 2
    assert told["columns"] == [
        *("name", "status", "message", "database_name", "schema_name", "owner"),
        *("compute_pool", "target_instances", "created_time", "completed_time"),
    ]
    assert told["newest"]
    assert told["elsewhere"] == [["DONE", 3]]
    assert told["ended"] == [True, True]
    assert told["nodes"] == [3, 2]
    assert told["id"].startswith("OTHER.PLACE.TRAIN")  # older clients add one suffix, newer two
    assert told["short"]
    assert told["stages"] == ["S", "S2"]


def test_logs_are_read_whole_in_part_and_not_before_the_start(drive: Drive, tmp_path: Path) -> None:
    (tmp_path / "project" / "talk.py").write_text("for number in range(5):\n    print(number)\n")
    (tmp_path / "project" / "long.py").write_text("import time\ntime.sleep(60)\n")
    told = drive(
        """
        job = jobs.submit_file("talk.py", "POOL", stage_name="S")
        job.wait()
        busy = jobs.submit_file("long.py", "POOL", stage_name="S")
        while busy.status != "RUNNING":
            pass
        waiting = jobs.submit_file("talk.py", "POOL", stage_name="S")
        early = waiting.get_logs()
        busy.cancel()
        tell(
            shown=job.get_logs(as_list=True),
            last=job.get_logs(limit=2, verbose=True, as_list=True),
            whole=job.get_logs(verbose=True),
            early=early,
            status=waiting.wait(),
        )
        """
    )
    assert told["shown"] == list("01234")
    assert told["last"] == told["whole"].splitlines()[-2:]
    assert "ML job started" in told["whole"]
    assert told["early"] == ""
    assert told["status"] == "DONE"


def test_functions_run_remotely_and_failures_are_raised_again(drive: Drive) -> None:
    told = drive(
        """
        @jobs.remote("POOL", stage_name="S")
        def add(a, b=1):
            return {"sum": a + b}

        @jobs.remote("POOL", stage_name="S")
        def fail():
            raise ValueError("no data")

        import numpy as np
        import pandas as pd

        @jobs.remote("POOL", stage_name="S")
        def double(frame, weights):
            print("weights", weights.nbytes)
            return frame * 2

        value = add(2, b=5).result()
        frame = double(pd.DataFrame({"a": [1, 2]}), np.zeros(300_000)).result()  # more than goes inline
        failed = fail()
        status = failed.wait()
        try:
            failed.result()
            error = None
        except RuntimeError as raised:
            error = f"{raised} from {raised.__cause__!r}"
        tell(value=value, frame=frame["a"].tolist(), status=status, error=error)
        """
    )
    assert told["value"] == {"sum": 7}
    assert told["frame"] == [2, 4]
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
        path = "@S/" + job._stage_path.partition("/")[2]
        again = jobs.get_job(job.id)
        done = jobs.submit_file("train.py", "POOL", stage_name="S")
        done.wait()
        jobs.delete_job(done.id)
        tell(
            status=status,
            files=len(session.sql(f"LIST {path}/").collect()),
            again=again.status,
            log=jobs.get_job(done.id).get_logs(),
            listed=len(jobs.list_jobs()),
        )
        """
    )
    assert told["status"] == "CANCELLED"
    assert told["files"] == 0
    assert told["again"] == "DELETED"
    assert "training" in told["log"]  # an account keeps the logs of services that are gone
    assert told["listed"] == 0


def test_stages_hold_files(drive: Drive) -> None:
    told = drive(
        """
        from snowflake.snowpark.exceptions import SnowparkSQLException

        def refusal(statement):
            try:
                session.sql(statement).collect()
            except SnowparkSQLException as error:
                return error.sql_error_code, error.message

        missing = refusal("DESCRIBE STAGE nowhere"), refusal("LIST @nowhere/a")
        session.sql("CREATE STAGE IF NOT EXISTS data").collect()
        twice = refusal("create stage DATA")
        session.file.put("*.py", "@data/code", auto_compress=False)
        session.file.put("train.py", "@LOCAL.JOBS.DATA/zipped")
        again = session.file.put("train.py", "@data/code", auto_compress=False)[0].status
        session.sql("COPY FILES INTO @data/copy/ FROM @data/code/ FILES = ('train.py')").collect()
        session.file.put_stream(open("helpers.py", "rb"), "@~/mine/h.py", auto_compress=False)
        session.file.get("@data/copy/train.py", "fetched")
        names = [row["name"] for row in session.sql("LIST @data").collect()]
        some = [row["name"] for row in session.sql("LIST @data PATTERN = '.*zip.*'").collect()]
        session.sql("REMOVE @data/code/helpers.py").collect()
        session.sql("REMOVE @data/copy/").collect()
        tell(
            missing=missing,
            twice=twice[0],
            again=again,
            names=names,
            some=some,
            left=[row["name"] for row in session.sql("LS @data/").collect()],
            own=[row["name"] for row in session.sql("LIST @~").collect()],
            fetched=sorted(path.name for path in Path("fetched").iterdir()),
            text=session.file.get_stream("@data/code/train.py").read().decode()[:10],
        )
        """
    )
    assert [number for number, _ in told["missing"]] == [2003, 2003]
    assert "LOCAL.JOBS.NOWHERE" in told["missing"][0][1]
    assert told["twice"] == 2002
    assert told["again"] == "SKIPPED"
    assert told["names"] == [
        *("data/code/helpers.py", "data/code/train.py", "data/copy/train.py"),
        "data/zipped/train.py.gz",
    ]
    assert told["some"] == ["data/zipped/train.py.gz"]
    assert told["left"] == ["data/code/train.py", "data/zipped/train.py.gz"]
    assert told["own"] == ["~/mine/h.py"]
    assert told["fetched"] == ["train.py"]
    assert told["text"] == SCRIPT[:10]


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
