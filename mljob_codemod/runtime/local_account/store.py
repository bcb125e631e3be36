"""What the local account keeps: stages and jobs, as folders.

A job is a folder below ``jobs``. The account writes ``job.json`` there, ``cancel`` and ``deleted``; the compute pool
(``pool.py``, another process) writes ``status`` and ``log``.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from snowflake.connector.errors import ProgrammingError

DATABASE, SCHEMA = "LOCAL", "JOBS"
ENDED = ("DONE", "FAILED", "CANCELLED", "INTERNAL_ERROR", "DELETED")
NOT_FOUND, EXISTS, NO_DATABASE, NO_SCHEMA = 2003, 2002, 90105, 90106
"""Numbers of errors, by which clients tell them apart."""

_PART = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_LOCATION = re.compile(rf"@(?P<name>~|{_PART}(?:\.{_PART}){{0,2}})(?P<path>/.*)?", re.DOTALL)


def identifier_parts(name: str) -> list[str]:
    """The parts of a name as the account keeps them: in capitals unless quoted."""
    parts = re.findall(_PART, name)
    return [p[1:-1].replace('""', '"') if p.startswith('"') else p.upper() for p in parts]


@dataclass(frozen=True)
class Job:
    """A job as it was submitted. ``payload`` and ``result`` are the folders of its two stage volumes."""

    id: str
    pool: str
    spec: Mapping[str, Any]
    options: Mapping[str, Any]
    created: float
    stage_path: str
    result_path: str
    payload: Path
    result: Path
    folder: Path

    @property
    def nodes(self) -> int:
        return int(self.options.get("TARGET_INSTANCES") or 1)

    @property
    def least_nodes(self) -> int:
        return int(self.options.get("MIN_INSTANCES") or self.nodes)

    @property
    def deleted(self) -> datetime | None:
        return _time_of(self.folder / "deleted")

    @property
    def completed(self) -> datetime | None:
        return _time_of(self.folder / "status") if self.status in ENDED else None

    @property
    def status(self) -> str:
        if (self.folder / "deleted").exists():
            return "DELETED"
        file = self.folder / "status"
        return file.read_text("utf-8").strip() if file.exists() else "PENDING"

    @property
    def log(self) -> str | None:
        """What was printed so far; None before the job runs."""
        file = self.folder / "log"
        return file.read_text("utf-8", errors="replace") if file.exists() else None

    def wait(self, seconds: float) -> bool:
        """Whether the job has ended within so many seconds."""
        deadline = time.monotonic() + seconds
        while self.status not in ENDED:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def cancel(self) -> None:
        (self.folder / "cancel").touch()

    def delete(self) -> None:
        """End the job; its history and its log stay, as in an account."""
        self.cancel()
        (self.folder / "deleted").touch()


def _time_of(file: Path) -> datetime | None:
    return datetime.fromtimestamp(file.stat().st_mtime, timezone.utc) if file.exists() else None


class Account:
    """Stages and jobs below one folder, which also holds the connection that SNOWFLAKE_HOME shall lead to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "stages").mkdir(parents=True, exist_ok=True)
        (folder / "jobs").mkdir(exist_ok=True)
        connections = folder / "connections.toml"
        connections.write_text('[default]\naccount = "LOCAL"\nuser = "LOCAL"\n', "utf-8")
        connections.chmod(0o600)

    # --- stages

    def stage(self, name: str, database: str | None, schema: str | None) -> Path:
        """The folder of a stage, which need not exist."""
        if name == "~":
            folder = self.folder / "stages" / "~"
            folder.mkdir(exist_ok=True)
            return folder
        return self.folder / "stages" / qualified(name, database, schema)

    def stages(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "stages").iterdir())

    def locate(self, location: str, database: str | None, schema: str | None) -> Path:
        """The place of a location like ``@stage/folder/file``; the stage must exist."""
        match = _LOCATION.fullmatch(location)
        if match is None:
            raise ProgrammingError(f"Invalid stage location: {location}", errno=1003)
        stage = self.stage(match["name"], database, schema)
        if not stage.is_dir():
            raise ProgrammingError(
                f"Stage '{stage.name}' does not exist or not authorized.", errno=NOT_FOUND
            )
        path = (match["path"] or "").strip("/")
        place = stage / path
        if ".." in Path(path).parts:
            raise ProgrammingError(f"Invalid stage location: {location}", errno=1003)
        return place

    # --- jobs

    def execute_job(
        self,
        name: str,
        pool: str,
        spec: Mapping[str, Any],
        options: Mapping[str, Any],
        database: str | None,
        schema: str | None,
    ) -> Job:
        """Hand a job to the compute pool."""
        if options.get("GENERATE_SUFFIX", True):
            name += uuid.uuid4().hex[:8].upper()
        id = qualified(name, database, schema)
        short = id.rpartition(".")[2]
        stage_path = str(spec["STAGE_PATH"]).rstrip("/")
        result_path = f"{stage_path}/{short}"
        folder = self.folder / "jobs" / short
        payload, result = (self.locate(p, database, schema) for p in (stage_path, result_path))
        job = Job(
            *(id, pool, spec, options, time.time()),
            *(stage_path, result_path, payload, result, folder),
        )
        try:
            folder.mkdir()
        except FileExistsError:
            raise ProgrammingError(f"Object '{id}' already exists.", errno=EXISTS) from None
        result.mkdir(parents=True, exist_ok=True)
        content = {**vars(job), "payload": str(payload), "result": str(result)}
        del content["folder"]
        part = folder / "job.json.part"
        part.write_text(json.dumps(content), "utf-8")
        part.rename(folder / "job.json")
        return job

    def job(self, name: str, *, deleted: bool = False) -> Job:
        """The job of that name, in whichever schema; raises for one that is deleted, unless asked for."""
        parts = identifier_parts(name) or [""]
        job = self._read(self.folder / "jobs" / parts[-1])
        if job is None or (job.deleted and not deleted):
            raise ProgrammingError(
                f"Service '{name}' does not exist or not authorized.", errno=NOT_FOUND
            )
        return job

    def jobs(self) -> Iterator[Job]:
        """All jobs, those that are deleted too, the newest first."""
        found = [self._read(folder) for folder in (self.folder / "jobs").iterdir()]
        yield from sorted(filter(None, found), key=lambda job: job.created, reverse=True)

    def _read(self, folder: Path) -> Job | None:
        try:
            content = json.loads((folder / "job.json").read_text("utf-8"))
        except OSError:
            return None
        for name in ("payload", "result"):
            content[name] = Path(content[name])
        return Job(**content, folder=folder)


def qualified(name: str, database: str | None, schema: str | None) -> str:
    """``DATABASE.SCHEMA.NAME``."""
    parts = identifier_parts(name)
    if len(parts) == 3:
        return ".".join(parts)
    if database is None:
        raise ProgrammingError("This session does not have a current database.", errno=NO_DATABASE)
    if len(parts) == 1:
        if schema is None:
            raise ProgrammingError("This session does not have a current schema.", errno=NO_SCHEMA)
        parts.insert(0, schema)
    return ".".join([database, *parts])
