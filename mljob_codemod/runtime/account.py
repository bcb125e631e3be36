"""A Snowflake account made of folders, for the unmodified client: runs a submission, then follows its job.

Usage: python account.py FOLDER SUBMISSION [ARGUMENT ...]

Only the connector's ``connect`` is replaced; Snowpark's Session and snowflake.ml.jobs are what is installed. Stages are
folders below ``FOLDER/stages``. A job is a folder below ``FOLDER/jobs``: this writes ``job.json``, and the compute
pool (``pool.py``, another process) writes ``status`` and ``log``. A statement that is not known here fails with the
statement: a client that asks something new needs a look. The connector reads ``connections.toml`` in the folder that
SNOWFLAKE_HOME names, which must be FOLDER.

Stands alone: it runs under interpreters that have the client and nothing of this package.
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import io
import json
import math
import re
import runpy
import shutil
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snowflake.connector.converter import SnowflakeConverter
from snowflake.connector.cursor import ResultMetadata
from snowflake.connector.errors import NotSupportedError, ProgrammingError
from snowflake.snowpark._internal import server_connection

DATABASE, SCHEMA = "LOCAL", "JOBS"
ENDED = ("DONE", "FAILED", "CANCELLED")
_STRING = re.compile(r"'((?:[^'\\]|\\.|'')*)'")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}

Answer = tuple[list[str], list[tuple[Any, ...]]]
DONE: Answer = (["status"], [("ok",)])


def strings(statement: str) -> list[str]:
    """The string literals of a statement."""

    def unescape(text: str) -> str:
        text = text.replace("''", "'")
        return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text)

    return [unescape(text) for text in _STRING.findall(statement)]


class Account:
    """Stages and jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "stages").mkdir(parents=True, exist_ok=True)
        (folder / "jobs").mkdir(exist_ok=True)
        connections = folder / "connections.toml"
        connections.write_text('[default]\naccount = "LOCAL"\nuser = "LOCAL"\n', "utf-8")
        connections.chmod(0o600)

    def stage_folder(self, location: str) -> Path:
        return self.folder / "stages" / location.strip("'").lstrip("@").rstrip("/")

    # --- jobs

    def execute_job(self, statement: str) -> str:
        """Hand a job to the compute pool, and give its id."""
        name, pool, spec, options = strings(statement)
        wanted = json.loads(options)
        if wanted.get("GENERATE_SUFFIX", True):
            name += uuid.uuid4().hex[:8].upper()
        database, schema, short = ([DATABASE, SCHEMA] + name.split("."))[-3:]
        job = self.folder / "jobs" / short
        job.mkdir()
        content = {
            "id": f"{database}.{schema}.{short}",
            "pool": pool,
            "spec": json.loads(spec),
            "options": wanted,
            "created": time.time(),
        }
        content["result_path"] = f"{content['spec']['STAGE_PATH'].rstrip('/')}/{short}"
        self.stage_folder(content["result_path"]).mkdir(parents=True, exist_ok=True)
        part = job / "job.json.part"
        part.write_text(json.dumps(content), "utf-8")
        part.rename(job / "job.json")
        return str(content["id"])

    def job_folder(self, name: str) -> Path:
        folder = self.folder / "jobs" / name.strip('"').rpartition(".")[2].strip('"')
        if not (folder / "job.json").exists():
            raise ProgrammingError(f"Job {name} does not exist or not authorized.", errno=2003)
        return folder

    def job(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.job_folder(name) / "job.json").read_text("utf-8"))
        return found

    def status(self, name: str) -> str:
        file = self.job_folder(name) / "status"
        return file.read_text("utf-8").strip() if file.exists() else "PENDING"

    def wait(self, name: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.status(name) not in ENDED and time.monotonic() < deadline:
            time.sleep(0.05)

    def log(self, name: str) -> str:
        file = self.job_folder(name) / "log"
        return file.read_text("utf-8", errors="replace") if file.exists() else ""


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
        if params:
            for value in params:
                statement = statement.replace("?", _literal(value), 1)
        columns, self._rows = self.connection.answer(statement, options.get("file_stream"))
        self.description = [
            ResultMetadata(column, 2, None, None, None, None, True) for column in columns
        ]
        self.rowcount = len(self._rows)
        return self

    def describe(self, statement: str, *args: Any, **options: Any) -> list[ResultMetadata]:
        return self.execute(statement).description

    _describe_internal = describe

    def fetch_pandas_all(self, **_: Any) -> None:
        raise NotSupportedError("rows come as tuples here")  # Snowpark then asks for those

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def close(self) -> None:
        pass

    def _preprocess_pyformat_query(self, statement: str, params: list[Any]) -> str:
        converter = SnowflakeConverter()
        quoted = (converter.quote(converter.escape(converter.to_snowflake(p))) for p in params)
        return statement % tuple(quoted)


def _literal(value: Any) -> str:
    if isinstance(value, (int, float)) or value is None:
        return "NULL" if value is None else str(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


class Connection:
    """A connector's connection to an Account."""

    warehouse = "LOCAL"
    role = "LOCAL"
    user = "LOCAL"
    account = "LOCAL"
    host = "localhost"
    expired = False
    session_id = 1
    telemetry_enabled = False
    application = "mljob-codemod"
    _conn = _telemetry = None
    _interpolate_nulls = False

    def __init__(self, account: Account) -> None:
        self._account = account
        self._session_parameters: dict[str, Any] = {}
        self.database: str | None = DATABASE
        self.schema: str | None = SCHEMA

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)

    def cursor(self, *args: Any, **options: Any) -> Cursor:
        return Cursor(self)

    def is_closed(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def answer(self, statement: str, stream: Any = None) -> Answer:
        """The rows for one statement; raises for one that is not known."""
        statement = " ".join(statement.split()) if "\n" in statement.strip() else statement.strip()
        for pattern, respond in STATEMENTS:
            match = pattern.match(statement)
            if match:
                return respond(self, statement, match, stream)
        raise NotImplementedError(f"the local account does not know the statement: {statement}")

    @property
    def store(self) -> Account:
        return self._account


Respond = Callable[[Connection, str, "re.Match[str]", Any], Answer]
STATEMENTS: list[tuple[re.Pattern[str], Respond]] = []


def answers(pattern: str) -> Callable[[Respond], Respond]:
    """Register what answers the statements that begin with ``pattern``."""

    def register(respond: Respond) -> Respond:
        STATEMENTS.append((re.compile(pattern, re.IGNORECASE | re.DOTALL), respond))
        return respond

    return register


@answers(r"USE DATABASE (\S+)")
def use_database(connection: Connection, _: str, match: re.Match[str], __: Any) -> Answer:
    connection.database, connection.schema = match[1], None
    return DONE


@answers(r"USE SCHEMA (?:\S+\.)?(\S+)")
def use_schema(connection: Connection, _: str, match: re.Match[str], __: Any) -> Answer:
    connection.schema = match[1]
    return DONE


@answers(r"ALTER SESSION|USE |SELECT SYSTEM\$CANCEL_ALL_QUERIES|CREATE (?:SCOPED )?(?:TEMP|STAGE)")
def accept(*_: Any) -> Answer:
    return DONE


@answers(r"SELECT CURRENT_(\w+)\(\)")
def current(connection: Connection, _: str, match: re.Match[str], __: Any) -> Answer:
    values = {"DATABASE": connection.database, "SCHEMA": connection.schema, "VERSION": "9.0.0"}
    values |= {"REGION": "LOCAL", "ACCOUNT": "LOCAL", "ROLE": "LOCAL", "WAREHOUSE": "LOCAL"}
    name = match[1].upper()
    return [f"CURRENT_{name}()"], [(values.get(name),)]


@answers(r"DESC(?:RIBE)? STAGE")
def describe_stage(*_: Any) -> Answer:
    return ["parent_property", "property", "property_value"], [("STAGE", "TYPE", "INTERNAL")]


@answers(r"PUT ")
def put(connection: Connection, statement: str, _: re.Match[str], stream: Any) -> Answer:
    uri, location = strings(statement)[:2]
    source = uri.removeprefix("file://")
    target = connection.store.stage_folder(location)
    target.mkdir(parents=True, exist_ok=True)
    if stream is not None:
        (target / Path(source).name).write_bytes(stream.read())
        names = [Path(source).name]
    else:
        # The connector takes the whole path as a pattern, hidden files as Python's glob does.
        found = [Path(match) for match in glob.glob(source) if Path(match).is_file()]
        if not found:
            raise FileNotFoundError(source)
        names = [path.name for path in found]
        for path in found:
            shutil.copy(path, target / path.name)
    columns = ["source", "target", "source_size", "target_size", "source_compression"]
    columns += ["target_compression", "status", "message"]
    return columns, [(name, name, 1, 1, "NONE", "NONE", "UPLOADED", "") for name in names]


@answers(r"GET ")
def get(connection: Connection, statement: str, _: re.Match[str], __: Any) -> Answer:
    location, uri = strings(statement)[:2]
    source = connection.store.stage_folder(location)
    files = [source] if source.is_file() else [p for p in source.rglob("*") if p.is_file()]
    if not files:
        raise ProgrammingError(f"File {location} does not exist.", errno=253006)
    target = Path(uri.removeprefix("file://"))
    target.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, target / file.name)
    rows = [(file.name, file.stat().st_size, "DOWNLOADED", "") for file in files]
    return ["file", "size", "status", "message"], rows


@answers(r"(?:LIST|LS) (?P<place>'[^']*'|\S+)(?: PATTERN *= *'(?P<pattern>[^']*)')?")
def list_files(connection: Connection, _: str, match: re.Match[str], __: Any) -> Answer:
    stages = connection.store.folder / "stages"
    place = connection.store.stage_folder((strings(match["place"]) or [match["place"]])[0])
    found = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
    rows = [(p.relative_to(stages).as_posix(), p.stat().st_size, "", "") for p in found]
    if match["pattern"]:
        rows = [row for row in rows if re.fullmatch(match["pattern"], str(row[0]))]
    return ["name", "size", "md5", "last_modified"], rows


@answers(r"COPY FILES INTO (?P<to>'[^']*'|\S+) FROM (?P<from>'[^']*'|\S+)(?P<rest>.*)")
def copy_files(connection: Connection, _: str, match: re.Match[str], __: Any) -> Answer:
    places = [(strings(match[name]) or [match[name]])[0] for name in ("to", "from")]
    target, source = (connection.store.stage_folder(place) for place in places)
    chosen = strings(match["rest"])
    files = [source] if source.is_file() else [p for p in source.rglob("*") if p.is_file()]
    rows = []
    for file in files:
        name = file.name if file == source else file.relative_to(source).as_posix()
        if chosen and not any(fnmatch.fnmatch(name, each) for each in chosen):
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target / name)
        rows.append((name,))
    return ["file"], rows


@answers(r"(?:REMOVE|RM) (?P<place>'[^']*'|\S+)")
def remove(connection: Connection, _: str, match: re.Match[str], __: Any) -> Answer:
    place = (strings(match["place"]) or [match["place"]])[0]
    shutil.rmtree(connection.store.stage_folder(place), ignore_errors=True)
    return ["name", "result"], [(place, "removed")]


@answers(r"SHOW COMPUTE POOLS")
def show_pools(_: Connection, statement: str, *__: Any) -> Answer:
    """One pool, of the name that is asked for: any may be submitted to."""
    columns = ["name", "state", "min_nodes", "max_nodes", "instance_family", "active_nodes"]
    name = (strings(statement) or ["LOCAL"])[0]
    return columns, [(name, "ACTIVE", 1, 10, "CPU_X64_S", 0)]


@answers(r"CALL SYSTEM\$GET_ML_JOB_RUNTIME")
def runtime(*_: Any) -> Answer:
    return ["image"], [("local/runtime:local",)]


@answers(r".*SYSTEM\$EXECUTE_ML_JOB")
def execute(connection: Connection, statement: str, _: re.Match[str], __: Any) -> Answer:
    return ["id"], [(connection.store.execute_job(statement),)]


@answers(r"DESC(?:RIBE)? SERVICE (?:IDENTIFIER\()?(?P<name>[^)\s]+)")
def describe_service(connection: Connection, _: str, match: re.Match[str], __: Any) -> Answer:
    name = (strings(match["name"]) or [match["name"]])[0]
    job = connection.store.job(name)
    container = {
        "name": "main",
        "env": {"MLRS_RESULT_PATH": "mljob_result", **job["spec"].get("ENV_VARS", {})},
        "volumeMounts": [{"name": "result-volume", "mountPath": "/mnt/job_result"}],
    }
    volume = {"name": "result-volume", "source": job["result_path"]}
    spec = json.dumps({"spec": {"containers": [container], "volumes": [volume]}})
    nodes = job["options"].get("TARGET_INSTANCES") or 1
    database, schema, short = job["id"].split(".")
    row = {
        "name": short,
        "status": connection.store.status(name),
        "database_name": database,
        "schema_name": schema,
        "owner": "LOCAL",
        "compute_pool": job["pool"],
        "spec": spec,
        "min_instances": job["options"].get("MIN_INSTANCES") or nodes,
        "target_instances": nodes,
    }
    return list(row), [tuple(row.values())]


@answers(r"CALL (?P<name>\S+?)!SPCS_WAIT_FOR\((?P<rest>.*)\)")
def wait_for(connection: Connection, _: str, match: re.Match[str], __: Any) -> Answer:
    seconds = re.findall(r"\d+(?:\.\d+)?", match["rest"])
    connection.store.wait(match["name"], float(seconds[-1]) if seconds else 30)
    if connection.store.status(match["name"]) not in ENDED:
        raise ProgrammingError("Timed out waiting for the service.")  # the client polls then
    return DONE


@answers(r"CALL (?P<name>\S+?)!SPCS_CANCEL_JOB\(\)")
def cancel(connection: Connection, _: str, match: re.Match[str], __: Any) -> Answer:
    (connection.store.job_folder(match["name"]) / "cancel").touch()
    return DONE


@answers(r"SHOW SERVICE INSTANCES IN SERVICE (?P<name>\S+)")
def show_instances(connection: Connection, _: str, match: re.Match[str], __: Any) -> Answer:
    status = connection.store.status((strings(match["name"]) or [match["name"]])[0])
    return ["instance_id", "status", "start_time"], [("0", status, "now")]


@answers(r"SELECT SYSTEM\$GET_SERVICE_LOGS")
def service_logs(connection: Connection, statement: str, _: re.Match[str], __: Any) -> Answer:
    return ["logs"], [(connection.store.log(strings(statement)[0]),)]


@answers(r".*GET_JOB_HISTORY\(")
def job_history(connection: Connection, statement: str, _: re.Match[str], __: Any) -> Answer:
    rows = []
    for file in sorted((connection.store.folder / "jobs").glob("*/job.json")):
        job = json.loads(file.read_text("utf-8"))
        database, schema, name = job["id"].split(".")
        row = {
            "NAME": name,
            "STATUS": connection.store.status(name),
            "MESSAGE": "",
            "DATABASE_NAME": database,
            "SCHEMA_NAME": schema,
            "OWNER": "LOCAL",
            "COMPUTE_POOL_NAME": job["pool"],
            "PARAMETERS": job["options"].get("TARGET_INSTANCES") or 1,
            "CREATED_TIME": job["created"],
            "COMPLETED_TIME": None,
        }
        rows.append(tuple(row.values()))
    # The client selects these columns in this order, under names of its own.
    named = re.findall(r' AS "(\w+)"', statement)
    columns = named or [
        *("NAME", "STATUS", "MESSAGE", "DATABASE_NAME", "SCHEMA_NAME", "OWNER"),
        *("COMPUTE_POOL_NAME", "PARAMETERS", "CREATED_TIME", "COMPLETED_TIME"),
    ]
    return columns, rows


@answers(r"DROP SERVICE (?:IF EXISTS )?(?:IDENTIFIER\()?(?P<name>[^)\s]+)")
def drop_service(connection: Connection, _: str, match: re.Match[str], __: Any) -> Answer:
    name = (strings(match["name"]) or [match["name"]])[0]
    shutil.rmtree(connection.store.job_folder(name))
    return DONE


# --- one submission, and what its job comes to


def follow(account: Account, job_id: str) -> dict[str, Any]:
    """Wait for a job as a client does, and tell status, result and error."""
    from snowflake.ml.jobs import get_job

    job = get_job(job_id)
    account.wait(job_id, math.inf)  # the client's own wait looks every five seconds and more
    status = str(job.wait())
    report: dict[str, Any] = {"id": job_id, "status": status, "result": None, "error": None}
    try:
        value = job.result()
    except Exception as error:  # whatever the client raises is what its user would see
        report["error"] = "".join(traceback.format_exception(error.__cause__ or error)).strip()
    else:
        report["result"] = {"type": type(value).__qualname__, "shown": repr(value)}
        with contextlib.suppress(TypeError, ValueError):
            report["result"]["json"] = json.loads(json.dumps(value))
    report["result_path"] = str(account.stage_folder(account.job(job_id)["result_path"]))
    return report


def main() -> int:
    account = Account(Path(sys.argv[1]).resolve())
    vars(server_connection)["connect"] = lambda **_: Connection(account)
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
