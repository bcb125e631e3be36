"""Runs a submit_job.py through the unmodified Snowflake client, with an account made of folders.

Usage: python fake_account.py ACCOUNT_FOLDER SCRIPT [ARGUMENT ...]

Only the connector's ``connect`` is replaced; Snowpark's Session and snowflake.ml.jobs are what is
installed. ``ACCOUNT_FOLDER/account.json`` holds what the session starts with (``database``, ``schema``),
the ``status`` the job ends in and whether there is a ``log``. Files that are PUT land in ``ACCOUNT_FOLDER/stages``, and the record of
what arrived in ``ACCOUNT_FOLDER/record.json``. A statement that is not known here fails the run: a
client that asks something new needs a look.

It runs under interpreters that have the client and nothing of this project.
"""

from __future__ import annotations

import glob
import json
import logging
import re
import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

from snowflake.connector.converter import SnowflakeConverter
from snowflake.connector.cursor import ResultMetadata
from snowflake.connector.errors import ProgrammingError
from snowflake.snowpark._internal import server_connection

JOB_ID = "DB.SC.TRAIN_1A2B3C4D"
_STRING = r"'((?:[^'\\]|\\.)*)'"
_ESCAPES = {"n": "\n", "r": "\r"}

Answer = tuple[list[str], list[tuple[Any, ...]]]
_DONE: Answer = (["status"], [("ok",)])


class Account:
    """What the account knows, and what it was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.given = json.loads((folder / "account.json").read_text("utf-8"))
        self.statements: list[str] = []
        self.warnings: list[str] = []
        self.connect_options: dict[str, Any] = {}
        self.job: dict[str, Any] = {}

    def write_record(self) -> None:
        record = {
            "statements": self.statements,
            "warnings": self.warnings,
            "connect_options": self.connect_options,
            "job": self.job,
        }
        (self.folder / "record.json").write_text(json.dumps(record), "utf-8")

    def stage_folder(self, location: str) -> Path:
        return self.folder / "stages" / location.lstrip("@").rstrip("/")

    def execute_job(self, statement: str) -> None:
        """Take the job, and end it at once: its result and one artifact lie where they should."""
        name, pool, spec, options = _strings(statement)
        self.job = {
            "name": name,
            "compute_pool": pool,
            "spec": json.loads(spec),
            "options": json.loads(options),
        }
        results = self.stage_folder(self.result_stage_path())
        results.mkdir(parents=True)
        value = {"kind": "result", "success": True, "value": {"accuracy": 0.9}}
        (results / "mljob_result").write_text(json.dumps(value), "utf-8")
        (results / "model.bin").write_bytes(b"model")

    def result_stage_path(self) -> str:
        return f"{self.job['spec']['STAGE_PATH']}/{JOB_ID.rpartition('.')[2]}"

    def service(self) -> Answer:
        container = {
            "name": "main",
            "env": {"MLRS_RESULT_PATH": "mljob_result"},
            "volumeMounts": [{"name": "result-volume", "mountPath": "/mnt/job_result"}],
        }
        volume = {"name": "result-volume", "source": self.result_stage_path()}
        spec = json.dumps({"spec": {"containers": [container], "volumes": [volume]}})
        instances = self.job["options"]["TARGET_INSTANCES"]
        columns = ["name", "status", "spec", "compute_pool", "min_instances", "target_instances"]
        pool = self.job["compute_pool"]
        return columns, [(JOB_ID, self.given["status"], spec, pool, instances, instances)]


class Cursor:
    """The part of a connector's cursor that Snowpark uses."""

    def __init__(self, connection: Connection) -> None:
        self.connection = self._connection = connection
        self.description: list[ResultMetadata] = []
        self.sfqid = self.request_id = self._request_id = "query"
        self.query = ""
        self.rowcount = 0
        self._is_file_transfer = False
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, statement: str, params: Any = None, *args: Any, **options: Any) -> Cursor:
        columns, self._rows = self.connection.answer(statement, params, options.get("file_stream"))
        self.description = [
            ResultMetadata(column, 2, None, None, None, None, True) for column in columns
        ]
        self.rowcount = len(self._rows)
        return self

    def describe(self, statement: str, *args: Any, **options: Any) -> list[ResultMetadata]:
        return self.execute(statement).description

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def close(self) -> None:
        pass

    def _preprocess_pyformat_query(self, statement: str, params: list[Any]) -> str:
        converter = SnowflakeConverter()
        quoted = (converter.quote(converter.escape(converter.to_snowflake(p))) for p in params)
        return statement % tuple(quoted)


class Connection:
    """A connector's connection to an Account."""

    warehouse = "WH"
    role = "ENGINEER"
    user = "SOMEONE"
    account = "ACCOUNT"
    host = "localhost"
    expired = False
    session_id = 1
    telemetry_enabled = False
    application = "fake"
    _conn = _telemetry = None
    _interpolate_nulls = False

    def __init__(self, account: Account) -> None:
        self._account = account
        self._session_parameters: dict[str, Any] = {}
        self.database = account.given["database"]
        self.schema = account.given["schema"]

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)

    def cursor(self, *args: Any, **options: Any) -> Cursor:
        return Cursor(self)

    def is_closed(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def answer(self, statement: str, params: Any, stream: Any) -> Answer:
        statement = statement.strip()
        self._account.statements.append(statement)
        upper = statement.upper()
        if upper.startswith("USE DATABASE "):
            self.database, self.schema = statement.split()[-1], None
            return _DONE
        if upper.startswith("USE SCHEMA "):
            self.schema = statement.split()[-1]
            return _DONE
        if upper.startswith("PUT "):
            return self._put(statement, stream)
        if upper.startswith("GET "):
            return self._get(statement)
        if upper.startswith("LIST "):
            return self._list(statement)
        if "SYSTEM$EXECUTE_ML_JOB" in upper:
            self._account.execute_job(statement)
            return ["id"], [(JOB_ID,)]
        if upper.startswith("DESCRIBE SERVICE IDENTIFIER"):
            return self._account.service()
        if upper.startswith("SELECT SYSTEM$GET_SERVICE_LOGS") and not self._account.given["log"]:
            raise ProgrammingError("no logs")
        for beginning, answer in _ANSWERS.items():
            if upper.startswith(beginning):
                return answer
        raise NotImplementedError(f"the fake account does not know: {statement}")

    def _put(self, statement: str, stream: Any) -> Answer:
        uri, location = _strings(statement)[:2]
        source = uri.removeprefix("file://")
        target = self._account.stage_folder(location)
        target.mkdir(parents=True, exist_ok=True)
        if stream is not None:
            (target / Path(source).name).write_bytes(stream.read())
            names = [Path(source).name]
        else:
            # The connector takes the whole path as a pattern, hidden files as Python's glob does.
            found = [Path(match) for match in glob.glob(source) if Path(match).is_file()]
            if not found:
                raise FileNotFoundError(source)
            names = [shutil.copy(path, target / path.name).name for path in found]
        columns = ["source", "target", "source_size", "target_size", "source_compression"]
        columns += ["target_compression", "status", "message"]
        return columns, [(name, name, 1, 1, "NONE", "NONE", "UPLOADED", "") for name in names]

    def _get(self, statement: str) -> Answer:
        location, uri = _strings(statement)[:2]
        source = self._account.stage_folder(location)
        shutil.copy(source, Path(uri.removeprefix("file://")) / source.name)
        return ["file", "size", "status", "message"], [(source.name, 1, "DOWNLOADED", "")]

    def _list(self, statement: str) -> Answer:
        (location,) = _strings(statement)
        stages = self._account.folder / "stages"
        files = sorted(p for p in self._account.stage_folder(location).rglob("*") if p.is_file())
        columns = ["name", "size", "md5", "last_modified"]
        rows = [(p.relative_to(stages).as_posix(), p.stat().st_size, "", "") for p in files]
        return columns, rows


_ANSWERS: dict[str, Answer] = {
    "SELECT CURRENT_VERSION": (["version"], [("9.0.0",)]),
    "ALTER SESSION": _DONE,
    "SELECT CURRENT_DATABASE()": (["CURRENT_DATABASE()"], [(None,)]),
    "SELECT CURRENT_SCHEMA()": (["CURRENT_SCHEMA()"], [(None,)]),
    "DESCRIBE STAGE": (["name"], [("stage",)]),
    "CALL SYSTEM$GET_ML_JOB_RUNTIME": (["image"], [("repository/image:1.8.0",)]),
    "SHOW COMPUTE POOLS": (["name", "max_nodes", "active_nodes"], [("POOL", 10, 0)]),
    f"CALL {JOB_ID}!SPCS_WAIT_FOR": _DONE,
    "SHOW SERVICE INSTANCES": (["instance_id", "start_time"], [("0", "now")]),
    "SELECT SYSTEM$GET_SERVICE_LOGS": (["logs"], [("the whole log",)]),
    "SELECT SYSTEM$CANCEL_ALL_QUERIES": _DONE,
}


def _strings(statement: str) -> list[str]:
    def unescape(text: str) -> str:
        return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text)

    return [unescape(text) for text in re.findall(_STRING, statement)]


class _Recorder(logging.Handler):
    def __init__(self, account: Account) -> None:
        super().__init__(logging.WARNING)
        self._account = account

    def emit(self, record: logging.LogRecord) -> None:
        self._account.warnings.append(record.getMessage())


def main() -> None:
    account = Account(Path(sys.argv[1]).resolve())
    logging.getLogger("snowflake.ml").addHandler(_Recorder(account))

    def connect(**options: Any) -> Connection:
        account.connect_options = {key: str(value) for key, value in options.items()}
        return Connection(account)

    server_connection.connect = connect
    sys.argv = sys.argv[2:]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        account.write_record()


if __name__ == "__main__":
    main()
