"""A single function through ``@remote``, and code that lies on a stage, by the oldest and the newest client."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mljob_codemod.runtime.pool import Pool, PoolOptions
from tests.conftest import Outcome

pytestmark = [pytest.mark.client, pytest.mark.slow]
ACCOUNT = Path(__file__).parents[2] / "mljob_codemod" / "runtime" / "local_account"
SETTINGS = 'database = "LOCAL"\nschema = "JOBS"\nstage = "S"\n'
TRAIN = """\
import argparse
import json
import re
import os

from helpers import scale
from lib.deep import offset
from snowflake.snowpark import Session

RATES = [0.1, 0.2]


def fit(epochs: int, *, rates=RATES, tag="x", session: Session = None):
    os.makedirs("out", exist_ok=True)
    with open("out/model.json", "w") as file:
        json.dump({"epochs": epochs}, file)
    print("fitting", epochs, rates, type(session).__name__)
    return {"score": scale(epochs) + offset(), "rates": rates, "tag": tag}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    return fit(args.epochs)


if __name__ == "__main__":
    main()
"""


@dataclass(frozen=True)
class Ended:
    """How a submission and its job ended."""

    status: int
    err: str
    report: dict[str, Any] | None

    @property
    def result(self) -> Any:
        assert self.report is not None, self.err
        assert self.report["result"], self.report
        return self.report["result"]["json"]


Submit = Callable[..., Ended]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / "lib").mkdir(parents=True)
    (folder / "mljob.toml").write_text(SETTINGS)
    (folder / "train.py").write_text(TRAIN)
    (folder / "helpers.py").write_text("def scale(number):\n    return number * 2\n")
    (folder / "lib" / "__init__.py").touch()
    (folder / "lib" / "deep.py").write_text("def offset():\n    return 100\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def submit(client_python: Path, project: Path, tmp_path: Path) -> Submit:
    """Run a submission of the project, and its job."""
    account = tmp_path / "account"
    (account / "jobs").mkdir(parents=True)

    def run(submission: str, *arguments: str) -> Ended:
        options = PoolOptions(client_python, tmp_path / "cache", install=False)
        with Pool(account, options, print, lambda text: None):
            ran = subprocess.run(
                [client_python, ACCOUNT, account, submission, *arguments],
                cwd=project,
                env={
                    "SNOWFLAKE_HOME": str(account),
                    "PATH": "/usr/bin:/bin",
                    "HOME": str(tmp_path),
                },
                capture_output=True,
                text=True,
                timeout=120,
            )
        assert "Ignoring unknown" not in ran.stderr
        told = account / "report.json"
        report = json.loads(told.read_text()) if told.exists() else None
        return Ended(ran.returncode, ran.stderr, report)

    return run


def test_one_function_is_called_with_what_it_imports(
    submit: Submit, run: Callable[..., Outcome]
) -> None:
    outcome = run("apply", "train.py", "--remote", "fit")
    assert outcome.status == 0
    assert "Next: python submit_fit.py --wait epochs=VALUE" in outcome.out
    ended = submit("submit_fit.py", "epochs=4", "rates=[1, 2]", "tag=a b")
    assert ended.result == {"score": 108, "rates": [1, 2], "tag": "a b"}
    assert ended.report is not None
    assert ended.report["id"].startswith("LOCAL.JOBS.FIT_")
    result_path = Path(ended.report["result_path"])
    # Each submission has a place of its own on the stage: two must not share code and results.
    assert re.fullmatch("fit_?[0-9a-f]{8}", result_path.parent.name)
    assert json.loads((result_path / "out" / "model.json").read_text()) == {"epochs": 4}
    log = result_path.parents[3] / "jobs" / ended.report["id"].rpartition(".")[2] / "log"
    assert "fitting 4 [1, 2] Session" in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the function needs epochs: add epochs=VALUE"),
        (["epochs=1", "rate=2"], "'rate=2' is no argument: give NAME=VALUE for epochs, rates, tag"),
    ],
)
def test_arguments_that_the_function_does_not_take_are_refused_before_anything_is_sent(
    submit: Submit, run: Callable[..., Outcome], arguments: list[str], message: str
) -> None:
    assert run("apply", "train.py", "--remote", "fit").status == 0
    ended = submit("submit_fit.py", *arguments)
    assert ended.status == 2
    assert message in ended.err
    assert ended.report is None


def test_code_on_a_stage_is_taken_from_there(
    submit: Submit, run: Callable[..., Outcome], project: Path, tmp_path: Path
) -> None:
    (project / "mljob.toml").write_text(
        f'{SETTINGS}[jobs."train.py"]\nsource = "@CODE/team/project/"\nargs = ["--epochs", "5"]\n'
    )
    assert run("apply").status == 0
    ended = submit("submit_job.py")
    assert ended.status == 2
    assert "CODE" in ended.err
    stage = tmp_path / "account" / "stages" / "LOCAL.JOBS.CODE"
    stage.mkdir(parents=True)
    ended = submit("submit_job.py")
    assert ended.status == 2
    assert "@CODE/team/project has no train.py: put the code there first" in ended.err
    shutil.copytree(project, stage / "team" / "project")
    for path in project.glob("**/*.py"):
        if path.name != "submit_job.py":
            path.unlink()
    ended = submit("submit_job.py", "--", "--epochs", "7")
    assert ended.result["score"] == 114
