"""The life of a job, by the client's own functions, and the ids that a project remembers."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mljob_codemod.account.rows import ask_account, first_line, open_session
from mljob_codemod.account.sql import string
from mljob_codemod.errors import InputError, MljobError
from mljob_codemod.submission import FILE_NAME, is_generated, scripts_of

STATE = Path(".mljob") / "jobs.json"
"""Where a project remembers its jobs, relative to its folder."""
_OWN_FILES = re.compile(r"mljob_(result|extra.*)")
_MOST = 50
_ENDED = ("DONE", "FAILED", "CANCELLED", "INTERNAL_ERROR", "DELETED")


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


def submission_of(script: Path | None) -> tuple[Path, str, bool]:
    """The program that submits ``script``, or the folder's one job; what it submits, and whether that is one of several.

    A script may be such a program itself.
    """
    if script is not None and script.is_file() and is_generated(_start_of(script)):
        return script, script.name, False
    submission = (Path() if script is None else script.parent) / FILE_NAME
    if not submission.is_file():
        raise InputError(str(submission), "is missing: run mljob-codemod apply first")
    names = scripts_of(submission)
    offered = ", ".join(names)
    if script is None and len(names) > 1:
        raise InputError(str(submission), f"submits {offered}: name one")
    if script is not None and script.name not in names:
        raise InputError(str(submission), f"submits {offered}: run mljob-codemod apply {script}")
    return submission, names[0] if script is None else script.name, len(names) > 1


def _start_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")[:200]
    except OSError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror}") from error


@dataclass(frozen=True)
class Submitted:
    """What came of a submission: the job's id and last status where there is a job, all that was printed."""

    id: str | None
    status: str | None
    exit_status: int
    output: str


def submit(submission: Path, arguments: Sequence[str], say: Callable[[str], None]) -> Submitted:
    """Run a generated submission; ``say`` gets its output line by line, as it comes."""
    process = subprocess.Popen(
        [sys.executable, str(submission), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    job_id = status = None
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        found = re.match(r"job ([\w.$\"]+): ([A-Z_]+)$", line)
        if found and job_id in (None, found[1]):
            job_id, status = found[1], found[2]
        lines.append(line)
        say(line)
    return Submitted(job_id, status, process.wait(), "".join(lines))


class Jobs:
    """The jobs of an account, through one session. What the client raises becomes ``MljobError``, in one line."""

    def __init__(self, connection: str | None, database: str | None, schema: str | None) -> None:
        self.session = open_session(connection)
        with _in_one_line("the settings name a database or schema that cannot be used"):
            if database:
                self.session.use_database(database)
            if schema:
                self.session.use_schema(schema)

    def get(self, job_id: str) -> Any:
        """The client's job."""
        from snowflake.ml.jobs import get_job

        with _in_one_line(f"no job {job_id}"):
            return get_job(job_id, session=self.session)

    def status(self, job: Any) -> str:
        with _in_one_line(f"the status of {job.id} cannot be read"):
            return str(job.status)

    def log(self, job: Any, instance: int | None = None, *, verbose: bool = False) -> str:
        """What a job has printed; ``verbose`` adds what pip and the job's start print."""
        with _in_one_line(f"the log of {job.id} cannot be read"):
            return str(job.get_logs(instance_id=instance, verbose=verbose))

    def new_lines(self, job: Any, instance: int | None, seconds: float) -> Iterator[str]:
        """The log as it grows, until the job ends; it is read anew each time, as the client offers nothing else."""
        shown = 0
        while True:
            ended = self.status(job) in _ENDED
            lines = self.log(job, instance).splitlines(keepends=True)
            yield from lines[shown:]
            shown = max(shown, len(lines))
            if ended:
                return
            time.sleep(seconds)

    def wait(self, job: Any, timeout: float) -> str:
        """The status that a job ends with; ``MljobError`` where it does not end in ``timeout`` seconds."""
        with _in_one_line(f"{job.id} has not ended"):
            return str(job.wait(timeout))

    def cancel(self, job: Any) -> None:
        with _in_one_line(f"{job.id} cannot be stopped"):
            job.cancel()

    def delete(self, job: Any) -> None:
        from snowflake.ml.jobs import delete_job

        with _in_one_line(f"{job.id} cannot be deleted"):
            delete_job(job, session=self.session)

    def listed(self, limit: int) -> list[dict[str, Any]]:
        """The newest jobs of the schema."""
        from snowflake.ml.jobs import list_jobs

        with _in_one_line("the jobs cannot be listed"):
            rows: list[dict[str, Any]] = list_jobs(limit=limit, session=self.session).to_dict(
                "records"
            )
        return rows

    def account_of(self, job: Any) -> str:
        """All that tells why a job ended as it did: its whole log, how its containers ended, what its result raises."""
        texts = []
        with contextlib.suppress(MljobError):
            texts.append(self.log(job, verbose=True))
        with contextlib.suppress(MljobError):
            rows = ask_account(self.session, f"SHOW SERVICE CONTAINERS IN SERVICE {job.id}")
            texts += [f"{row.get('status')}: {row.get('message')}" for row in rows]
        if self.status(job) in ("FAILED", "INTERNAL_ERROR"):
            try:
                job.result()
            except Exception as error:  # the job's own error is raised again, whatever it is
                cause = error.__cause__
                texts += [f"{type(each).__name__}: {each}" for each in (cause, error) if each]
        return "\n".join(texts)

    def artifacts(self, job: Any) -> list[dict[str, Any]]:
        """Name and size of what the job left below its result path, its recorded value apart."""
        path = _result_stage(job)
        inside = path.lstrip("@").rpartition("/")[2]
        found = []
        for row in ask_account(self.session, f"LIST {string(path + '/')}"):
            name = str(row["name"])
            relative = name.partition(f"{inside}/")[2] or name
            if not _OWN_FILES.fullmatch(relative):
                found.append({"name": relative, "size": int(row["size"])})
        return found

    def download(
        self, job: Any, target: Path, wanted: Sequence[dict[str, Any]], told: Callable[[int], None]
    ) -> None:
        """Fetch artifacts to their places below ``target``; ``told`` gets the size of each that has come."""
        path = _result_stage(job)
        for artifact in wanted:
            place = target / artifact["name"]
            if not place.resolve().is_relative_to(target.resolve()):
                raise MljobError(f"an artifact's name leaves the folder: {artifact['name']!r}")
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                message = f"cannot be made: {error.strerror}"
                raise InputError(str(place.parent), message) from error
            with _in_one_line(f"{artifact['name']} cannot be fetched"):
                self.session.file.get(f"{path}/{artifact['name']}", str(place.parent))
            told(artifact["size"])


def _result_stage(job: Any) -> str:
    # The client offers no public way to learn this stage path.
    with _in_one_line(f"{job.id} has no result path"):
        return str(job._result_stage_path).rstrip("/")


@contextlib.contextmanager
def _in_one_line(what: str) -> Iterator[None]:
    """Turn what the client raises into one line that begins with ``what``."""
    from snowflake.connector import Error
    from snowflake.snowpark.exceptions import SnowparkClientException

    refusals = (Error, SnowparkClientException, RuntimeError, ValueError, TimeoutError)
    try:
        yield
    except (*refusals, NotImplementedError, AttributeError) as error:
        raise MljobError(f"{what}: {first_line(error)}") from None
