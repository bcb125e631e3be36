"""The life of a job, by the client's own functions, and the ids that a project remembers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mljob_codemod.account.rows import ask_account, open_session
from mljob_codemod.account.sql import string
from mljob_codemod.errors import InputError, MljobError

STATE = Path(".mljob") / "jobs.json"
"""Where a project remembers its jobs, relative to its folder."""
_OWN_FILES = re.compile(r"mljob_(result|extra.*)")
_MOST = 50


@dataclass(frozen=True)
class Remembered:
    """A job that was submitted from here."""

    id: str
    script: str
    submitted: str
    """UTC, ISO 8601."""


def remembered(folder: Path) -> list[Remembered]:
    """The jobs submitted from ``folder``, the newest last."""
    file = folder / STATE
    try:
        return [Remembered(**each) for each in json.loads(file.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise InputError(str(file), "cannot be read: delete it, it holds job ids only") from error


def remember(folder: Path, job_id: str, script: str) -> None:
    """Add a job; the oldest are forgotten."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    jobs = [*remembered(folder), Remembered(job_id, script, now)][-_MOST:]
    file = folder / STATE
    file.parent.mkdir(exist_ok=True)
    (file.parent / ".gitignore").write_text("*\n", encoding="utf-8")
    part = file.with_suffix(".part")
    part.write_text(json.dumps([asdict(job) for job in jobs], indent=2), encoding="utf-8")
    part.replace(file)


def chosen_id(folder: Path, given: str | None) -> str:
    """The job that a command is about: the one given, else the last that was submitted from here."""
    if given is not None:
        return given
    jobs = remembered(folder)
    if not jobs:
        raise MljobError("no job was submitted from here: name one by its id")
    return jobs[-1].id


def submit(
    submission: Path, arguments: Sequence[str], say: Callable[[str], None]
) -> tuple[str | None, int]:
    """Run a ``submit_job.py``; the id that it prints, and its exit status. ``say`` gets its output as it comes."""
    if not submission.is_file():
        raise InputError(str(submission), "is missing: run mljob-codemod apply first")
    process = subprocess.Popen(
        [sys.executable, str(submission), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    job_id = None
    assert process.stdout is not None
    for line in process.stdout:
        found = re.match(r"job (\S+): ", line)
        job_id = job_id or (found[1] if found else None)
        say(line)
    return job_id, process.wait()


class Jobs:
    """The jobs of an account, through one session."""

    def __init__(self, connection: str | None, database: str | None, schema: str | None) -> None:
        self.session = open_session(connection)
        if database:
            self.session.use_database(database)
        if schema:
            self.session.use_schema(schema)

    def get(self, job_id: str) -> Any:
        """The client's job; ``MljobError`` where there is none of this id."""
        from snowflake.ml.jobs import get_job
        from snowflake.snowpark.exceptions import SnowparkSQLException

        try:
            return get_job(job_id, session=self.session)
        except (SnowparkSQLException, ValueError) as error:
            first = str(error).strip().splitlines()[0]
            raise MljobError(f"no job {job_id}: {first}") from None

    def listed(self, limit: int) -> list[dict[str, Any]]:
        """The newest jobs of the schema."""
        from snowflake.ml.jobs import list_jobs

        rows: list[dict[str, Any]] = list_jobs(limit=limit, session=self.session).to_dict("records")
        return rows

    def artifacts(self, job: Any) -> list[dict[str, Any]]:
        """Name and size of what the job left below its result path, its recorded value apart."""
        path = _result_stage(job)
        rows = ask_account(self.session, f"LIST {string(path + '/')}")
        found = []
        for row in rows:
            name = str(row["name"])
            inside = path.lstrip("@").rpartition("/")[2]
            relative = name.partition(f"{inside}/")[2] or name
            if not _OWN_FILES.fullmatch(relative):
                found.append({"name": relative, "size": int(row["size"])})
        return found

    def download(self, job: Any, target: Path, progress: Callable[[str], None]) -> list[Path]:
        """Fetch every artifact to its place below ``target``."""
        fetched = []
        path = _result_stage(job)
        for artifact in self.artifacts(job):
            place = target / artifact["name"]
            if not place.resolve().is_relative_to(target.resolve()):
                raise MljobError(f"an artifact's name leaves the folder: {artifact['name']!r}")
            place.parent.mkdir(parents=True, exist_ok=True)
            self.session.file.get(f"{path}/{artifact['name']}", str(place.parent))
            progress(artifact["name"])
            fetched.append(place)
        return fetched


def _result_stage(job: Any) -> str:
    # The client offers no public way to learn this stage path.
    return str(job._result_stage_path).rstrip("/")


def new_lines(job: Any, instance: int | None, seconds: float) -> Iterator[str]:
    """The log as it grows, until the job ends; the log is read anew each time, as the client offers nothing else."""
    shown = 0
    while True:
        ended = job.status in ("DONE", "FAILED", "CANCELLED", "INTERNAL_ERROR", "DELETED")
        log = job.get_logs(instance_id=instance)
        lines = str(log).splitlines(keepends=True)
        yield from lines[shown:]
        shown = max(shown, len(lines))
        if ended:
            return
        time.sleep(seconds)
