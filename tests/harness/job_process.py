"""Runs jobs under the real launcher; executed by the interpreter that has the client.

`serve` imports what the launcher imports, once, and forks a process for each request line; `once`
runs a single request in a fresh process. Either way the job ends by leaving this module's last
line, so that threads are joined, `atexit` functions run and the exit status is set by the
interpreter itself, as at the end of `python mljob_launcher.py`.

Stands alone: nothing of the harness is importable here, as nothing of it is in a job.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import logging
import os
import runpy
import signal
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import Any, BinaryIO

# The client is imported in functions: a fresh job must do so as late as the launcher does.


def replace_account() -> None:
    """Let the launcher open a local-testing session where it would log in to an account."""
    from snowflake.ml._internal.utils import connection_params

    connection_params.SnowflakeLoginOptions = lambda *_, **__: {"local_testing": True}


def serve() -> dict[str, Any]:
    """Answer requests until standard input ends; returns only in a child, with its request."""
    import snowflake.ml.jobs._interop.utils  # brings in all that the launcher imports

    replace_account()
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    gc.freeze()  # or each child spends 0.3 s at its end on tearing down what was imported here
    client = Path(snowflake.ml.jobs.__file__).parent
    answer(replies, {"scripts": str(client / "_utils/scripts")})
    for line in iter(requests.readline, b""):
        request: dict[str, Any] = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            requests.close()
            replies.close()
            return request
        status = wait(pid, request["timeout"])
        answer(replies, {"status": status, "recorded": recorded(request["result"])})
    sys.exit(0)


def answer(replies: BinaryIO, message: dict[str, Any]) -> None:
    replies.write(json.dumps(message).encode() + b"\n")
    replies.flush()


def wait(pid: int, timeout: float) -> int | None:
    """The exit status, or None on a timeout; a job's children end with it, as in a container."""
    deadline = time.monotonic() + timeout
    status = None
    while status is None and time.monotonic() < deadline:
        ended, code = os.waitpid(pid, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(code)
        else:
            time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if status is None:
        os.waitpid(pid, 0)
    return status


def recorded(path: str) -> dict[str, Any] | None:
    """What `job.result()` would find, read by the client's own code in a process of its own."""
    if not os.path.exists(path):
        return None
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            logging.disable()
            with os.fdopen(write_end, "wb") as pipe:
                pipe.write(json.dumps(load_or_explain(path)).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    found: dict[str, Any] = json.loads(text)
    return found


def load_or_explain(path: str) -> dict[str, Any]:
    try:
        return load(path)
    except Exception as error:  # whatever the client's loader raises, its user sees no result
        return {"success": False, "protocol": None, "value": None, "type": "", "error": repr(error)}


def load(path: str) -> dict[str, Any]:
    import snowflake.ml.jobs._interop.utils as interop

    with open(path, encoding="utf-8") as stream:
        raw = json.load(stream)
    result = interop.load(path)
    protocol = (raw.get("protocol") or {}).get("name")
    plain = protocol is None and result.load_error is None and result.success
    return {
        "success": result.success,
        "protocol": protocol,
        "value": raw["value"] if plain else repr(result.value),
        "type": f"{type(result.value).__module__}.{type(result.value).__qualname__}",
        "error": repr(result.load_error) if result.load_error else None,
    }


def enter(request: dict[str, Any]) -> None:
    """Become the process that `startup.sh` would have started."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC if descriptor else os.O_RDONLY
        opened = os.open(request[name], flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    tempfile.tempdir = None  # the client's imports have already asked for it, under other settings
    sys.argv = request["argv"]
    sys.path[0] = os.path.dirname(request["argv"][0])
    if request["library"]:
        mounts = os.fsencode(":".join(request["mounts"]))
        ctypes.CDLL(request["library"]).stage_mounts_set(mounts)
    else:
        runpy.run_path(request["guards"])["install"]()


def launcher_module(path: str) -> types.ModuleType:
    module = types.ModuleType("__main__")
    module.__file__ = path
    sys.modules["__main__"] = module
    return module


def start_fresh(path: str) -> None:
    """Enter a job before anything of the client is imported, so that the payload can shadow it."""
    request: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
    enter(request)
    sys.path.insert(0, request["cwd"])  # as the launcher does before its own imports
    replace_account()
    del sys.path[0]


if sys.argv[1] == "serve":
    enter(serve())
else:
    start_fresh(sys.argv[2])
LAUNCHER = sys.argv[0]
exec(
    compile(Path(LAUNCHER).read_bytes(), LAUNCHER, "exec"),
    launcher_module(LAUNCHER).__dict__,
)
