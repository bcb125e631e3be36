"""`mljob-codemod job …` against the local account, through the unmodified client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
COMMAND = f"""{DRIVER}
from mljob_codemod.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    if find_spec("snowflake") is None or sys.version_info[:2] > (3, 12):
        pytest.skip("the commands run in this Python, which has no client")
    (tmp_path / "command.py").write_text(COMMAND)
    # Stands for the generated file: JOBS is what the command reads of it.
    (tmp_path / "submit_job.py").write_text('JOBS = {"train.py": None}\n' + SUBMIT)
    (tmp_path / "train.py").write_text(
        "import os\nprint('hello')\n"
        "open(os.path.join(os.environ['MLRS_STAGE_RESULT_PATH'], 'model.txt'), 'w').write('m')\n"
        "__return__ = {'accuracy': 0.9}\n"
    )
    (tmp_path / "account" / "jobs").mkdir(parents=True)
    return tmp_path


def test_a_job_from_submission_to_deletion(project: Path) -> None:
    account = project / "account"

    def command(*arguments: str, status: int = 0) -> str:
        ran = subprocess.run(
            [sys.executable, "command.py", *arguments],
            cwd=project,
            env={**os.environ, "SNOWFLAKE_HOME": str(account), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == status, ran.stdout + ran.stderr
        return ran.stdout if status == 0 else ran.stdout + ran.stderr

    def told(*arguments: str) -> Any:
        return json.loads(command(*arguments, "--json"))

    assert "no job was submitted from here" in command("job", "status", status=2)
    options = PoolOptions(Path(sys.executable), project / "cache", install=False)
    with Pool(account, options, print, lambda text: None):
        assert command("job", "submit", "train.py").startswith("job ")
        (submitted,) = told("job", "list", "--here")
        assert submitted["script"] == "train.py"
        assert command("job", "wait").strip().endswith(": DONE")
        assert told("job", "status") == {"id": submitted["id"], "status": "DONE"}
        assert command("job", "logs").strip() == "hello"
        assert command("job", "logs", "--follow").strip() == "hello"
        assert told("job", "result") == {"accuracy": 0.9}
        assert told("job", "artifacts") == [{"name": "model.txt", "size": 1}]
        command("job", "artifacts", "--download", "out")
        assert (project / "out" / "model.txt").read_text() == "m"
        assert [row["status"] for row in told("job", "list")] == ["DONE"]
        command("job", "delete", submitted["id"], "--yes")
        assert command("job", "status").strip().endswith(": DELETED")
        (project / "train.py").write_text("print('go')\nimport nowhere_to_be_found\n")
        failed = command("job", "submit", "train.py", "--wait", status=1)
        assert "Cause: the job has no module nowhere_to_be_found" in failed
