"""Runs a submission against a local account and follows its job.

Usage: python local_account FOLDER SUBMISSION [ARGUMENT ...]

``FOLDER/report.json`` tells what came of it.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import math
import re
import runpy
import sys
from pathlib import Path
from typing import Any

# Python put this folder there, whose modules have everyday names.
sys.path[0] = str(Path(__file__).resolve().parents[1])
local_account = importlib.import_module("local_account")
del sys.path[0]


def follow(account: Any, job_id: str) -> dict[str, Any]:
    """Wait for a job as a client does, and tell status, result and error."""
    from snowflake.ml.jobs import get_job

    # The client's own wait looks every five seconds and more.
    account.job(job_id).wait(math.inf)
    job = get_job(job_id)
    status = str(job.wait())
    report: dict[str, Any] = {"id": job_id, "status": status, "result": None, "error": None}
    try:
        value = job.result()
    except Exception as error:  # whatever the client raises is what its user would see
        report["error"] = _as_shown(error.__cause__ or error)
    else:
        report["result"] = {"type": type(value).__qualname__, "shown": repr(value)}
        with contextlib.suppress(TypeError, ValueError):
            report["result"]["json"] = json.loads(json.dumps(value))
    report["result_path"] = str(account.job(job_id).result)
    return report


def _as_shown(error: BaseException) -> str:
    """An error with the traceback that the client's own hook shows, which is that of the job."""
    shown = io.StringIO()
    with contextlib.redirect_stderr(shown):
        sys.excepthook(type(error), error, error.__traceback__)
    return shown.getvalue().strip()


def main() -> int:
    account = local_account.install(Path(sys.argv[1]).resolve())
    sys.argv = sys.argv[2:]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if end.code:
            print(printed.getvalue(), file=sys.stderr, end="")
            raise
    found = re.search(r"^job (\S+): ", printed.getvalue(), re.MULTILINE)
    if found is None:
        print("the submission printed no job id", file=sys.stderr)
        return 2
    report = follow(account, found[1])
    (account.folder / "report.json").write_text(json.dumps(report), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
