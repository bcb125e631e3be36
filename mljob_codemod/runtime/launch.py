"""Starts the client's launcher as `startup.sh` does, with a local session in place of a login.

Usage: python launch.py JOB LAUNCHER ENTRYPOINT [ARGUMENT ...]

JOB is the job's folder: `job.json` says what was submitted. `nodes` is written there, how many there are, and `writers`,
which line of the payload opens which file for writing. Stands alone, in the process of the job.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import types
from pathlib import Path

FOLDER, LAUNCHER = Path(sys.argv[1]), sys.argv[2]
JOB = json.loads((FOLDER / "job.json").read_text("utf-8"))
sys.argv = sys.argv[2:]
sys.path[0] = (
    os.getcwd()
)  # as the launcher puts it before its own imports: the payload may shadow them


def note_writers(payload: str, file: Path) -> None:
    """Add a line to ``file`` for each file that is opened for writing: path, file of the payload, its line."""
    seen: set[str] = set()
    writing = os.O_WRONLY | os.O_RDWR
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def hook(event: str, values: tuple[object, ...]) -> None:
        if event != "open" and event != "sqlite3.connect":
            return
        path = values[0]
        if not isinstance(path, (str, bytes)) or (event == "open" and not int(values[2]) & writing):  # type: ignore[call-overload]
            return
        name = os.path.abspath(os.fsdecode(path))
        if name in seen:
            return
        seen.add(name)
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None and not frame.f_code.co_filename.startswith(payload):
            frame = frame.f_back
        if frame is not None:
            place = frame.f_code.co_filename[len(payload) :]
            os.write(log, f"{name}\t{place}\t{frame.f_lineno}\n".encode(errors="replace"))

    sys.addaudithook(hook)


def start_ray(nodes: int) -> int:
    """Start Ray as the runtime image does before the script, each node as processes of its own.

    Gives the number of nodes, which is 1 where Ray is not installed.
    """
    try:
        from ray.cluster_utils import Cluster  # type: ignore[import-not-found]
    except ImportError:
        return 1
    service = os.environ["SERVICE_NAME"]
    head = {"resources": {"node_tag:head": 1}, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    atexit.register(cluster.shutdown)
    for _ in range(nodes - 1):
        cluster.add_node(resources={"node_tag:worker": 1, service: 1})
    # The launcher connects to «auto», which is this.
    os.environ["RAY_ADDRESS"] = cluster.address
    return nodes


NODES = start_ray(int(JOB["options"].get("TARGET_INSTANCES") or 1))
LEAST = int(JOB["options"].get("MIN_INSTANCES") or NODES)
os.environ["SNOWFLAKE_JOBS_COUNT"] = str(NODES)
os.environ["MLRS_MIN_INSTANCES"] = str(min(NODES, LEAST))
(FOLDER / "nodes").write_text(str(NODES), "utf-8")

from snowflake.ml._internal.utils import connection_params  # noqa: E402

DATABASE, SCHEMA, _ = JOB["id"].split(".")
SESSION = {"local_testing": True, "database": DATABASE, "schema": SCHEMA}
connection_params.SnowflakeLoginOptions = lambda *_, **__: dict(SESSION)
sys.path[0] = os.path.dirname(LAUNCHER)
note_writers(os.path.join(os.getcwd(), ""), FOLDER / "writers")
_MAIN = types.ModuleType("__main__")
_MAIN.__file__ = LAUNCHER
sys.modules["__main__"] = _MAIN
exec(compile(Path(LAUNCHER).read_bytes(), LAUNCHER, "exec"), _MAIN.__dict__)
