"""Generated submissions, run through the oldest and the newest client: what arrives at the account."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mljob_codemod.config import JobSettings, Settings
from mljob_codemod.plan import (
    Compute,
    Distribution,
    EnvVar,
    Import,
    JobPlan,
    Net,
    OutputArgument,
    Service,
)
from mljob_codemod.submission import render_entry, render_submission

FAKE_ACCOUNT = Path(__file__).with_name("fake_account.py")
JOB_ID = "DB.SC.TRAIN_1A2B3C4D"
RESULTS = "$MLRS_STAGE_RESULT_PATH"

pytestmark = pytest.mark.client


@dataclass(frozen=True)
class Submitted:
    """What one run of a submission printed and what the account received."""

    status: int
    out: str
    err: str
    record: Mapping[str, Any]
    stages: Path

    @property
    def arguments(self) -> list[str]:
        """The script in the container and its arguments."""
        return list(self.record["job"]["spec"]["ARGS"][2:])

    @property
    def options(self) -> Mapping[str, Any]:
        options: Mapping[str, Any] = self.record["job"]["options"]
        return options

    def payload(self) -> dict[str, str]:
        """The files of the payload, the client's own scripts apart."""
        (app,) = self.stages.glob("*/*/app")
        found = [path for path in app.rglob("*") if path.is_file()]
        return {path.relative_to(app).as_posix(): path.read_text() for path in found}


Submit = Callable[..., Submitted]


@pytest.fixture
def submit(client_python: Path, tmp_path: Path) -> Submit:
    """Write ``submit_job.py`` for some plans into ``tmp_path / project`` and run it."""
    project = tmp_path / "project"
    project.mkdir()
    account = tmp_path / "account"
    account.mkdir()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    (home / "connections.toml").write_text('[default]\naccount = "a"\nuser = "from the file"\n')
    (home / "connections.toml").chmod(0o600)

    def run(
        plans: list[JobPlan],
        *arguments: str,
        settings: Settings,
        given: Mapping[str, Any] | None = None,
        by_hand: str | None = None,
    ) -> Submitted:
        start = {"database": "DB", "schema": "SC", "status": "DONE", "log": True, **(given or {})}
        (account / "account.json").write_text(json.dumps(start))
        text = by_hand or render_submission(plans, settings, ".")
        (project / "submit_job.py").write_text(text)
        ran = subprocess.run(
            [client_python, FAKE_ACCOUNT, account, project / "submit_job.py", *arguments],
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(temporary), "SNOWFLAKE_HOME": str(home)},
            capture_output=True,
            text=True,
        )
        assert (account / "record.json").exists(), ran.stderr
        record = json.loads((account / "record.json").read_text())
        # «Ignoring unknown kwargs» is how a client says that it drops what it was told.
        assert record["warnings"] == []
        assert "Ignoring" not in ran.stdout + ran.stderr
        return Submitted(ran.returncode, ran.stdout, ran.stderr, record, account / "stages")

    return run


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")


def plan(script: str, **fields: Any) -> JobPlan:
    return JobPlan(script, **{"root": ".", "entrypoint": script, **fields})


def test_one_file_with_every_setting(submit: Submit, tmp_path: Path) -> None:
    write(tmp_path / "project", "train.py", "secret.py")
    outputs = [
        OutputArgument("--out", "out", "train.py", 3, "file", passed=("--out", f"{RESULTS}/out")),
        OutputArgument("dest", "dest", "train.py", 4, "file", passed=(f"{RESULTS}/d",), position=0),
    ]
    submitted = submit(
        [
            plan(
                "train.py",
                pip_requirements=["opencv-python==4.9", "rich"],
                services=[Service("huggingface", ("huggingface.co",), "train.py", 5)],
                output_arguments=outputs,
                returns=True,
            )
        ],
        "--wait",
        "--",
        "--name",
        'it\'s "quoted" \\ 数据',
        "--script",
        "x",
        settings=Settings(
            connection="dev",
            database="ML",
            schema="JOBS",
            stage="ML.JOBS.PAYLOADS/sub",
            compute_pool="POOL",
            query_warehouse="BIG_WH",
            integrations={"huggingface": "HF_ACCESS", "pip_install": "PYPI_ACCESS"},
            target_instances=3,
            min_instances=2,
            jobs={"train.py": JobSettings(args=("--epochs", "3"))},
        ),
        given={"database": None, "schema": None},
    )
    assert submitted.status == 0, submitted.err
    assert submitted.record["connect_options"]["connection_name"] == "dev"
    assert submitted.arguments == [
        "/mnt/job_stage/app/train.py",
        *("--", f"{RESULTS}/d", "--epochs", "3", "--name", 'it\'s "quoted" \\ 数据'),
        *("--script", "x", "--out", f"{RESULTS}/out"),
    ]
    assert submitted.record["job"]["compute_pool"] == "POOL"
    assert submitted.record["job"]["name"].startswith("ML.JOBS.")
    spec = submitted.record["job"]["spec"]
    assert spec["STAGE_PATH"].startswith("@ML.JOBS.PAYLOADS/sub/train")
    options = submitted.options
    assert options["EXTERNAL_ACCESS_INTEGRATIONS"] == ["PYPI_ACCESS", "HF_ACCESS"]
    assert (options["TARGET_INSTANCES"], options["MIN_INSTANCES"]) == (3, 2)
    assert options["QUERY_WAREHOUSE"] == "BIG_WH"
    (app,) = submitted.stages.rglob("app")
    assert {path.name for path in app.iterdir()} == {"train.py", "requirements.txt"}
    assert (app / "requirements.txt").read_text() == "opencv-python==4.9\nrich"
    assert f"job {JOB_ID}: DONE" in submitted.out
    assert "the whole log" in submitted.out
    assert "result: {'accuracy': 0.9}" in submitted.out
    assert "model.bin  5 bytes" in submitted.out
    assert "mljob_result" not in submitted.out


def test_bare_file_leaves_everything_to_client_and_session(submit: Submit, tmp_path: Path) -> None:
    write(tmp_path / "project", "train.py")
    submitted = submit(
        [plan("train.py")],
        "--compute-pool=MINE",
        "--stage=payloads",
        "--seed",
        "-1",
        "data.csv",
        settings=Settings(),
    )
    assert submitted.status == 0, submitted.err
    assert submitted.record["connect_options"]["user"] == "from the file"
    assert submitted.arguments == ["/mnt/job_stage/app/train.py", "--seed", "-1", "data.csv"]
    assert submitted.record["job"]["compute_pool"] == "MINE"
    assert submitted.record["job"]["name"].startswith("DB.SC.")
    assert not submitted.options["EXTERNAL_ACCESS_INTEGRATIONS"]
    assert not any(text.upper().startswith("USE ") for text in submitted.record["statements"])
    assert list(submitted.payload()) == ["train.py"]
    assert f'get_job("{JOB_ID}")' in submitted.out
    assert "the whole log" not in submitted.out


def test_folder_is_sent_without_what_must_stay(submit: Submit, tmp_path: Path) -> None:
    project = tmp_path / "project"
    sent = ["train.py", "helpers/__init__.py", "helpers/deep/er.py", "data/a b.csv", "LICENSE"]
    sent += [".streamlit/config.toml", "conf/.hidden", "sub/environment.yml", "img[1].png"]
    kept = [".git/config", ".venv/x.py", "env/pyvenv.cfg", "env/lib/x.py", ".env", "key.pem"]
    kept += ["helpers/.env.local", "helpers/__pycache__/x.pyc", ".mypy_cache/x", "environment.yml"]
    kept += ["node_modules/x.js", ".ipynb_checkpoints/x.py"]
    write(project, *sent, *kept)
    (project / "requirements.txt").write_bytes(b"# ours\nscipy<2")
    submitted = submit(
        [plan("train.py", method="submit_directory", pip_requirements=["rich"])],
        settings=Settings(stage="payloads"),
    )
    assert submitted.status == 0, submitted.err
    payload = submitted.payload()
    assert payload.pop("requirements.txt") == "# ours\nscipy<2\nrich"
    assert payload == {name: f"# {name}\n" for name in sent}
    assert submitted.arguments == ["/mnt/job_stage/app/train.py"]
    assert (project / "requirements.txt").read_bytes() == b"# ours\nscipy<2"
    assert f"sending {len(sent) + 1} files" in submitted.out


BY_HAND = """
from pathlib import Path

from snowflake.ml import jobs
from snowflake.snowpark import Session

jobs.submit_directory(
    str(Path(__file__).parent),
    "POOL",
    entrypoint="train.py",
    stage_name="payloads",
    session=Session.builder.getOrCreate(),
)
"""


def test_name_that_is_a_pattern_sends_another_file(submit: Submit, tmp_path: Path) -> None:
    write(tmp_path / "project", "train.py", "data[12]/numbers.csv", "data1/numbers.csv")
    submitted = submit([], settings=Settings(), by_hand=BY_HAND)
    assert submitted.status == 0, submitted.err
    assert submitted.payload()["data[12]/numbers.csv"] == "# data1/numbers.csv\n"


def test_name_that_is_a_pattern_stops_the_submission(submit: Submit, tmp_path: Path) -> None:
    write(tmp_path / "project", "train.py", "data[12]/numbers.csv", "data1/numbers.csv")
    submitted = submit(
        [plan("train.py", method="submit_directory")], settings=Settings(stage="payloads")
    )
    assert submitted.status == 2
    assert "cannot upload data[12]/numbers.csv: rename what has one of [*?" in submitted.err
    assert submitted.record["job"] == {}


def test_folder_without_requirements_file_gets_those_of_the_plan(
    submit: Submit, tmp_path: Path
) -> None:
    write(tmp_path / "project", "tools/train.py", "lib/__init__.py")
    submitted = submit(
        [plan("tools/train.py", method="submit_directory", pip_requirements=["rich"])],
        settings=Settings(stage="payloads"),
    )
    assert submitted.status == 0, submitted.err
    assert submitted.payload()["requirements.txt"] == "rich"
    assert submitted.arguments == ["/mnt/job_stage/app/tools/train.py"]


@pytest.mark.parametrize("script", ["single.py", "folder.py"])
def test_one_of_several_scripts(submit: Submit, tmp_path: Path, script: str) -> None:
    write(tmp_path / "project", "single.py", "folder.py", "lib.py")
    submitted = submit(
        [plan("single.py"), plan("folder.py", method="submit_directory")],
        script,
        "--epochs",
        "3",
        settings=Settings(stage="payloads"),
    )
    assert submitted.status == 0, submitted.err
    assert submitted.arguments == [f"/mnt/job_stage/app/{script}", "--epochs", "3"]
    expected = {"single.py"} if script == "single.py" else {"single.py", "folder.py", "lib.py"}
    assert set(submitted.payload()) == expected


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
def test_only_a_job_that_is_done_exits_with_0(submit: Submit, tmp_path: Path, status: str) -> None:
    write(tmp_path / "project", "train.py")
    submitted = submit(
        [plan("train.py", returns=True)],
        "--wait",
        settings=Settings(stage="payloads"),
        given={"status": status},
    )
    assert submitted.status == 1
    assert f"job {JOB_ID}: {status}" in submitted.out
    assert "the whole log" in submitted.out
    assert "result:" not in submitted.out


@pytest.mark.parametrize("missing", ["database", "schema"])
def test_nothing_is_sent_without_database_or_schema(
    submit: Submit, tmp_path: Path, missing: str
) -> None:
    write(tmp_path / "project", "train.py")
    submitted = submit(
        [plan("train.py")],
        settings=Settings(stage="payloads"),
        given={missing: None},
    )
    assert submitted.status == 2
    assert f"no {missing}: set `{missing}` in [tool.mljob-codemod]" in submitted.err
    assert all(text.startswith("SELECT CURRENT_") for text in submitted.record["statements"])


def test_missing_connection_is_said(submit: Submit, tmp_path: Path) -> None:
    write(tmp_path / "project", "train.py")
    (tmp_path / "home" / "connections.toml").unlink()
    submitted = submit([plan("train.py")], settings=Settings(stage="payloads"))
    assert submitted.status == 2
    assert "cannot open the connection 'default'" in submitted.err
    assert "set `connection` in [tool.mljob-codemod]" in submitted.err
    assert submitted.record["statements"] == []


def test_log_that_is_gone_hides_nothing_else(submit: Submit, tmp_path: Path) -> None:
    write(tmp_path / "project", "train.py")
    submitted = submit(
        [plan("train.py", returns=True)],
        "--wait",
        settings=Settings(stage="payloads"),
        given={"log": False},
    )
    assert submitted.status == 0, submitted.err
    assert "log: cannot be read" in submitted.err
    assert "result: {'accuracy': 0.9}" in submitted.out


def test_the_job_entry_is_sent_with_the_script_and_starts_it(
    submit: Submit, tmp_path: Path
) -> None:
    (tmp_path / "project" / "train.py").write_text("print(1)\n")
    (tmp_path / "project" / "data.csv").write_text("1\n")
    (tmp_path / "project" / "job_entry.py").write_text(render_entry())
    plan = JobPlan("train.py", ".", "train.py", net=Net(True))
    submitted = submit([plan], "--", "--script", "x", settings=Settings(stage="S"))
    assert submitted.status == 0, submitted.err
    assert set(submitted.payload()) == {"train.py", "job_entry.py"}
    assert submitted.arguments[0].endswith("/app/job_entry.py")
    assert submitted.arguments[1:] == ["--", "--every=300", "train.py", "--script", "x"]


def test_variables_and_modules_beside_the_folder(submit: Submit, tmp_path: Path) -> None:
    write(tmp_path / "project", "jobs/train.py", "lib/common/scaling.py", "lib/weights.py")
    submitted = submit(
        [
            plan(
                "jobs/train.py",
                root="jobs",
                entrypoint="train.py",
                method="submit_directory",
                env_vars=[EnvVar("HF_HOME", "/tmp/hf")],
                imports=[Import("lib/common", "common"), Import("lib/weights.py", "weights")],
            )
        ],
        settings=Settings(stage="S"),
    )
    assert submitted.status == 0, submitted.err
    spec = submitted.record["job"]["spec"]
    assert spec["ENV_VARS"]["HF_HOME"] == "/tmp/hf"
    sent = {
        name
        for archive in submitted.stages.rglob("*.zip")
        for name in zipfile.ZipFile(archive).namelist()
    }
    assert {"common/scaling.py", "weights.py"} <= sent


def test_every_node_starts_the_script(submit: Submit, tmp_path: Path) -> None:
    write(tmp_path / "project", "train.py")
    submitted = submit(
        [
            plan(
                "train.py",
                compute=Compute(gpu=True, nodes=2),
                distribution=Distribution("one", "more", every_node=True),
            )
        ],
        settings=Settings(stage="S", target_instances=2),
    )
    if "1.26" in submitted.err:
        assert submitted.status == 2
        assert "1.53 or newer needed" in submitted.err
        assert submitted.record["job"] == {}
        return
    assert submitted.status == 0, submitted.err
    assert submitted.options["TARGET_INSTANCES"] == 2
    variables = submitted.record["job"]["spec"]["ENV_VARS"]
    assert variables["MLRS_LAUNCH_BACKEND"] == "passthrough"
