"""Statements about compute pools and jobs, which are services of the account."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import Any

from snowflake.connector.errors import ProgrammingError

from .connection import DONE, Answer, Connection, answers, strings
from .stages import text
from .store import Job, identifier_parts

_SERVICE = r"""(?:IDENTIFIER\s*\(\s*)?(?P<name>'[^']*'|[^\s();!]+)\s*\)?"""
_METHOD = r"""(?P<name>(?:"[^"]*"|[\w$.])+)!"""


def _job(connection: Connection, match: re.Match[str], *, deleted: bool = False) -> Job:
    return connection.store.job(text(match["name"]), deleted=deleted)


@answers(r"SHOW COMPUTE POOLS(?: LIKE (?P<like>'[^']*'))?")
def show_pools(_: Connection, match: re.Match[str], __: Any) -> Answer:
    """One pool, of the name that is asked for: any may be submitted to."""
    columns = ["name", "state", "min_nodes", "max_nodes", "instance_family", "active_nodes"]
    name = text(match["like"]) if match["like"] else "LOCAL"
    return columns, [(name, "ACTIVE", 1, 100, "CPU_X64_S", 0)]


@answers(r"CALL SYSTEM\$GET_ML_JOB_RUNTIME\(")
def runtime(*_: Any) -> Answer:
    return ["image"], [("local/runtime:local",)]


@answers(r"CALL SYSTEM\$EXECUTE_ML_JOB\(")
def execute(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    name, pool, spec, options = strings(match.string)
    where = connection.database, connection.schema
    job = connection.store.execute_job(name, pool, json.loads(spec), json.loads(options), *where)
    return ["id"], [(job.id,)]


@answers(rf"DESC(?:RIBE)? SERVICE {_SERVICE}")
def describe_service(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    job = _job(connection, match)
    database, schema, name = job.id.split(".")
    row = {
        "name": name,
        "status": job.status,
        "database_name": database,
        "schema_name": schema,
        "owner": "LOCAL",
        "compute_pool": job.pool,
        "spec": json.dumps(_specification(job)),
        "min_instances": job.least_nodes,
        "target_instances": job.nodes,
    }
    return list(row), [tuple(row.values())]


def _specification(job: Job) -> dict[str, Any]:
    """The service specification that the account makes of what the client sent; mounts are where the pool has them."""
    environment = {
        **job.spec.get("ENV_VARS", {}),
        "MLRS_RESULT_PATH": "mljob_result",
        "MLRS_MIN_INSTANCES": str(job.least_nodes),
    }
    container = {
        "name": "main",
        "env": environment,
        "volumeMounts": [
            {"name": "stage-volume", "mountPath": str(job.folder / "job_stage")},
            {"name": "result-volume", "mountPath": str(job.result)},
        ],
    }
    volumes = [
        {"name": "stage-volume", "source": job.stage_path},
        {"name": "result-volume", "source": job.result_path},
    ]
    return {"spec": {"containers": [container], "volumes": volumes}}


@answers(rf"CALL {_METHOD}SPCS_WAIT_FOR\((?P<rest>.*)\)")
def wait_for(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    seconds = re.search(r",\s*(\d+)", match["rest"])
    if not _job(connection, match).wait(float(seconds[1]) if seconds else 30):
        raise ProgrammingError("Timed out waiting for the service.")  # the client polls then
    return DONE


@answers(rf"CALL {_METHOD}SPCS_CANCEL_JOB\(\)")
def cancel(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    _job(connection, match).cancel()
    return DONE


@answers(rf"SHOW SERVICE INSTANCES IN SERVICE {_SERVICE}")
def show_instances(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    job = _job(connection, match)
    started = datetime.fromtimestamp(job.created, timezone.utc).isoformat()
    columns = ["instance_id", "status", "start_time", "ip_address"]
    if job.log is None:
        return columns, []
    return columns, [("0", job.status, started, "127.0.0.1")]


@answers(rf"SHOW SERVICE CONTAINERS IN SERVICE {_SERVICE}")
def show_containers(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    job = _job(connection, match)
    messages = {
        "DONE": "Completed successfully",
        "FAILED": "User application error, check container logs",
    }
    columns = ["instance_id", "container_name", "status", "message"]
    return columns, [("0", "main", job.status, messages.get(job.status, ""))]


@answers(rf"SHOW ENDPOINTS IN SERVICE {_SERVICE}")
def show_endpoints(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    _job(connection, match)
    return ["name", "port", "protocol", "ingress_enabled", "ingress_url"], []


@answers(
    r"SELECT SYSTEM\$GET_SERVICE_LOGS\(\s*(?P<name>'[^']*')\s*,\s*'?(?P<instance>\d+)'?\s*,\s*'[^']*'"
    r"(?:\s*,\s*(?P<limit>\d+))?"
)
def service_logs(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    job = _job(connection, match)
    if job.log is None:
        raise ProgrammingError("Container Status: PENDING")
    if int(match["instance"]):
        raise ProgrammingError(f"Instance {match['instance']} of {job.id} does not exist.")
    lines = job.log.splitlines()
    last = lines[-int(match["limit"]) :] if match["limit"] else lines
    return ["SYSTEM$GET_SERVICE_LOGS"], [("\n".join(last),)]


@answers(rf"SELECT LOG FROM TABLE\(\s*{_METHOD}SPCS_GET_LOGS\(.*?\)\)(?P<rest>.*)")
def kept_logs(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    """The log that stays when a service is gone."""
    lines = (_job(connection, match, deleted=True).log or "").splitlines()
    limit = re.search(r"LIMIT\s+(\d+)", match["rest"], re.IGNORECASE)
    instance = re.search(r"INSTANCE_ID\s*=\s*(\d+)", match["rest"], re.IGNORECASE)
    if instance and int(instance[1]):
        lines = []
    return ["LOG"], [(line,) for line in (lines[: int(limit[1])] if limit else lines)]


_HISTORY = (
    *("NAME", "STATUS", "MESSAGE", "DATABASE_NAME", "SCHEMA_NAME", "OWNER"),
    *("COMPUTE_POOL_NAME", "PARAMETERS", "CREATED_TIME", "COMPLETED_TIME", "DELETED_TIME"),
)


@answers(r"SELECT .*\bGET_JOB_HISTORY\((?P<arguments>[^()]*)\)(?P<rest>.*)")
def job_history(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    """Rows of the table function; two statements of the client select some of its columns by names of their own."""
    if match["arguments"].strip():
        raise NotImplementedError(f"the local account does not know: {match['arguments']}")
    renamed = re.findall(r' AS "(\w+)"', match.string)
    selected = re.match(r"select ([A-Z_,\s]+) from", match.string)
    columns = [each.strip() for each in selected[1].split(",")] if selected else list(_HISTORY)
    rows = [
        _history(job, replicas=bool(renamed))
        for job in connection.store.jobs()
        if _is_chosen(job, match["rest"])
    ]
    limit = re.search(r"LIMIT\s+(\d+)", match["rest"], re.IGNORECASE)
    rows = rows[: int(limit[1])] if limit else rows
    if renamed:
        return renamed, [tuple(row.values())[: len(renamed)] for row in rows]
    return columns, [tuple(row[column] for column in columns) for row in rows]


def _is_chosen(job: Job, where: str) -> bool:
    wanted = dict(re.findall(r"\b(\w+)\s*=\s*'([^']*)'", where))
    named = dict(
        zip(("database_name", "schema_name", "name"), identifier_parts(job.id), strict=True)
    )
    if any(named.get(column.lower(), value) != value for column, value in wanted.items()):
        return False
    return not (job.deleted and re.search(r"DELETED_TIME\"?\s+IS\s+NULL", where, re.IGNORECASE))


def _history(job: Job, *, replicas: bool) -> dict[str, Any]:
    """One row. ``replicas``: the statement takes them out of the parameters."""
    database, schema, name = job.id.split(".")
    values = (
        *(name, job.status, "", database, schema, "LOCAL", job.pool),
        job.nodes if replicas else json.dumps({"REPLICAS": job.nodes}),
        *(datetime.fromtimestamp(job.created, timezone.utc), job.completed, job.deleted),
    )
    return dict(zip(_HISTORY, values, strict=True))


@answers(rf"DROP SERVICE (?:IF EXISTS )?{_SERVICE}")
def drop_service(connection: Connection, match: re.Match[str], _: Any) -> Answer:
    _job(connection, match).delete()
    return DONE
