"""Statements about the session and its stages."""

from __future__ import annotations

import fnmatch
import glob
import gzip
import io
import re
import shutil
from pathlib import Path
from typing import Any

from snowflake.connector.errors import ProgrammingError

from .connection import DONE, Answer, Connection, answers, strings
from .store import EXISTS, NOT_FOUND, identifier_parts

_NAME = r"""(?:IDENTIFIER\s*\(\s*)?(?P<name>'[^']*'|[^\s();]+)\s*\)?"""
_PLACE = r"'[^']*'|\S+"


def text(operand: str) -> str:
    """An operand of a statement, be it quoted or bare."""
    return (strings(operand) or [operand.rstrip(";")])[0]


def place(connection: Connection, operand: str) -> Path:
    return connection.store.locate(text(operand), connection.database, connection.schema)


def is_set(statement: str, option: str) -> bool:
    return re.search(rf"\b{option}\s*=\s*TRUE\b", statement, re.IGNORECASE) is not None


# --- the session


@answers(rf"USE DATABASE {_NAME}")
def use_database(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    connection.database, connection.schema = identifier_parts(text(match["name"]))[-1], None
    return DONE


@answers(rf"USE SCHEMA {_NAME}")
def use_schema(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    *database, connection.schema = identifier_parts(text(match["name"]))
    if database:
        connection.database = database[0]
    return DONE


@answers(
    r"ALTER SESSION |USE (?:WAREHOUSE|ROLE|SECONDARY ROLES) |SELECT SYSTEM\$CANCEL_ALL_QUERIES"
)
def accept(*_: Any) -> Answer:
    return DONE


@answers(r"SELECT CURRENT_\w+\(\)(?:\s*,\s*CURRENT_\w+\(\))*\s*;?\s*$")
def current(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    values = {"DATABASE": connection.database, "SCHEMA": connection.schema, "VERSION": "9.0.0"}
    names = [name.upper() for name in re.findall(r"CURRENT_(\w+)\(\)", match[0], re.IGNORECASE)]
    return [f"CURRENT_{name}()" for name in names], [
        tuple(values.get(name, "LOCAL") for name in names)
    ]


# --- stages


@answers(rf"DESC(?:RIBE)? STAGE {_NAME}")
def describe_stage(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    place(connection, f"@{text(match['name']).lstrip('@')}")
    columns = ["parent_property", "property", "property_type", "property_value"]
    return columns, [("STAGE_LOCATION", "URL", "String", "")]


@answers(
    r"CREATE (?P<replace>OR REPLACE )?(?:(?:SCOPED |TEMP |TEMPORARY )*)STAGE (?P<lenient>IF NOT EXISTS )?"
    + _NAME
)
def create_stage(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    name = text(match["name"]).lstrip("@")
    folder = connection.store.stage(name, connection.database, connection.schema)
    if match["replace"]:
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.exists() and not match["lenient"]:
        raise ProgrammingError(f"Object '{folder.name}' already exists.", errno=EXISTS)
    folder.mkdir(exist_ok=True)
    return DONE


@answers(rf"DROP STAGE (?P<lenient>IF EXISTS )?{_NAME}")
def drop_stage(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    name = text(match["name"]).lstrip("@")
    folder = connection.store.stage(name, connection.database, connection.schema)
    if not folder.exists() and not match["lenient"]:
        raise ProgrammingError(f"Stage '{folder.name}' does not exist.", errno=NOT_FOUND)
    shutil.rmtree(folder, ignore_errors=True)
    return DONE


@answers(r"SHOW STAGES(?: LIKE (?P<like>'[^']*'))?")
def show_stages(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    rows = []
    for stage in connection.store.stages():
        if stage == "~":
            continue
        database, schema, name = stage.split(".")
        pattern = text(match["like"]).replace("%", "*").replace("_", "?") if match["like"] else "*"
        if fnmatch.fnmatch(name.upper(), pattern.upper()):
            rows.append((name, database, schema, "INTERNAL"))
    return ["name", "database_name", "schema_name", "type"], rows


@answers(r"PUT ")
def put(connection: Connection, match: re.Match[str], stream: Any) -> Answer:
    statement = match.string
    uri, location = strings(statement)[:2]
    source = uri.removeprefix("file://")
    target = place(connection, location)
    target.mkdir(parents=True, exist_ok=True)
    if stream is not None:
        stream.seek(0)  # as the connector does: whole streams are sent, wherever they stand
        found = {Path(source).name: stream.read()}
    else:
        # The connector takes the whole path as a pattern, hidden files as Python's glob does.
        paths = [Path(match) for match in glob.glob(source) if Path(match).is_file()]
        if not paths:
            raise ProgrammingError(f"File doesn't exist: {[source]}", errno=253006)
        found = {path.name: path for path in paths}
    rows = [_upload(name, content, target, statement) for name, content in found.items()]
    columns = ["source", "target", "source_size", "target_size", "source_compression"]
    return [*columns, "target_compression", "status", "message"], rows


def _upload(name: str, content: bytes | Path, target: Path, statement: str) -> tuple[Any, ...]:
    zipped = is_set(statement, "AUTO_COMPRESS") and not name.endswith((".gz", ".zip", ".bz2"))
    file = target / (f"{name}.gz" if zipped else name)
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    skipped = file.exists() and not is_set(statement, "OVERWRITE")
    if not skipped:
        source = io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")
        with source, gzip.open(file, "wb") if zipped else file.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
    kinds = ("NONE", "GZIP" if zipped else "NONE")
    status = "SKIPPED" if skipped else "UPLOADED"
    return (name, file.name, size, file.stat().st_size, *kinds, status, "")


@answers(r"GET ")
def get(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    location, uri, *pattern = strings(match.string)
    files = _files(place(connection, location), pattern)
    if not files:
        raise ProgrammingError(f"File {location} does not exist.", errno=253006)
    target = Path(uri.removeprefix("file://"))
    target.mkdir(parents=True, exist_ok=True)
    for file in files:  # folders are not kept
        shutil.copy(file, target / file.name)
    rows = [(file.name, file.stat().st_size, "DOWNLOADED", "") for file in files]
    return ["file", "size", "status", "message"], rows


@answers(rf"(?:LIST|LS) (?P<place>{_PLACE})(?: PATTERN\s*=\s*(?P<pattern>'[^']*'))?")
def list_files(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    pattern = strings(match["pattern"]) if match["pattern"] else []
    stages = connection.store.folder / "stages"
    rows = []
    for file in _files(place(connection, match["place"]), pattern):
        stage, *path = file.relative_to(stages).parts
        name = "/".join([stage.rpartition(".")[2].lower(), *path])
        rows.append((name, file.stat().st_size, "", ""))
    return ["name", "size", "md5", "last_modified"], rows


def _files(at: Path, pattern: list[str]) -> list[Path]:
    """Files at a place or below it. A location is a prefix, of names too."""
    found = [at] if at.is_file() else [path for path in at.rglob("*") if path.is_file()]
    if not found:
        found = [p for top in at.parent.glob(f"{glob.escape(at.name)}*") for p in _files(top, [])]
    return sorted(p for p in found if all(re.fullmatch(each, p.as_posix()) for each in pattern))


@answers(rf"COPY FILES INTO (?P<to>{_PLACE}) FROM (?P<from>{_PLACE})(?P<rest>.*)")
def copy_files(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    target, source = place(connection, match["to"]), place(connection, match["from"])
    chosen = strings(match["rest"])
    rows = []
    for file in [source] if source.is_file() else _files(source, []):
        name = file.name if file == source else file.relative_to(source).as_posix()
        if chosen and not any(fnmatch.fnmatch(name, each) for each in chosen):
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target / name)
        rows.append((name,))
    return ["file"], rows


@answers(rf"(?:REMOVE|RM) (?P<place>{_PLACE})")
def remove(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    at = place(connection, match["place"])
    rows = [(file.name, "removed") for file in _files(at, [])]
    if at.is_file():
        at.unlink()
    else:
        shutil.rmtree(at, ignore_errors=True)
    return ["name", "result"], rows
