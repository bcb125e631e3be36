"""Running a script as a Snowflake ML Job: the client's own launcher, folders for stages.

One server process for each interpreter imports the client once (about a second) and forks a
process for each job (about 0.1 s). `fresh=True` starts a new interpreter instead, as a job does;
the tests of the harness show that both give the same. One thing needs it: a module of the payload
that is named like one the client imports (`numpy`, `yaml`) shadows it only in a fresh process.
"""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

from mljob_codemod.runtime.pool import launcher_variables
from mljob_codemod.runtime.sandbox import (
    Files,
    SandboxError,
    changes,
    copy_project,
    environment,
    read_tree,
    run_process,
    without_caches,
)
from tests.harness.interpreter import default_python
from tests.harness.stage_mount import stage_mount_guard

_JOB_PROCESS = Path(__file__).with_name("job_process.py")
_RESULT_NAME = "mljob_result"
_SIDE_FILES = ("mljob_result", "mljob_extra")
_PYTHONPATH = "/opt/env/site-packages/"


@dataclass(frozen=True)
class Recorded:
    """A job's result as `job.result()` finds it."""

    success: bool
    value: Any
    """The value itself where it travels as JSON; the repr of what the client loads otherwise."""
    type: str
    protocol: str | None
    """None for JSON, else the client's name for how it was pickled."""
    error: str | None
    """Why the client cannot show the value, though the job succeeded."""


@dataclass(frozen=True)
class JobOutcome:
    status: int
    stdout: str
    stderr: str
    recorded: Recorded | None
    artifacts: Mapping[str, bytes]
    """Files below the result path, the recorded result's own files left out."""
    elsewhere: Files
    """Lost or in the way: written (or `deleted …`) below `payload/`, `mount/` and `home/`."""
    temporary: Files
    """Left in the container's own temporary folder; harmless, but gone with the job."""
    guard: str


@dataclass(frozen=True)
class _Layout:
    """The folders of one job."""

    base: Path

    @property
    def mount(self) -> Path:
        return self.base / "job_stage"

    @property
    def payload(self) -> Path:
        return self.mount / "app"

    @property
    def system(self) -> Path:
        return self.mount / "system"

    @property
    def result(self) -> Path:
        return self.base / "job_result"

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def temporary(self) -> Path:
        return self.base / "tmp"

    def stream(self, name: str) -> Path:
        return self.base / name


class JobServer:
    """The process that has imported the client and forks for each job."""

    _running: ClassVar[dict[Path, JobServer]] = {}

    def __init__(self, python: Path) -> None:
        self._base = tempfile.TemporaryDirectory(prefix="mljob-server-")
        base = Path(self._base.name)
        self._errors = base / "stderr"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [str(python), str(_JOB_PROCESS), "serve"],
                env=_process_environment(base, base, python),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        atexit.register(self.close)
        self.launcher_scripts = Path(self._receive()["scripts"])

    @classmethod
    def of(cls, python: Path) -> JobServer:
        if python not in cls._running:
            cls._running[python] = cls(python)
        return cls._running[python]

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return self._receive()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SandboxError(
                "the job server ended; it needs an interpreter with snowflake-ml-python and "
                "snowflake-snowpark-python[localtest] (the environment variable MLJOB_TEST_PYTHON "
                f"names another one):\n{self._errors.read_text(errors='replace')[-3000:]}"
            )
        message: dict[str, Any] = json.loads(line)
        return message

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._base.cleanup()


def run_inside(
    project: Path,
    script: str,
    args: Sequence[str] = (),
    *,
    root: str = ".",
    method: Literal["submit_file", "submit_directory"] = "submit_directory",
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 120,
    python: Path | None = None,
    fresh: bool = False,
) -> JobOutcome:
    """Run `script` (relative to `project`) as a job whose payload is the folder `root`.

    `submit_file` uploads the script alone, without the modules beside it.
    """
    interpreter = python or default_python()
    with tempfile.TemporaryDirectory(prefix="mljob-inside-") as base:
        layout = _Layout(Path(base).resolve())
        entry = _lay_out(layout, project, PurePosixPath(script), root, method, interpreter)
        if (layout.payload / "environment.yml").exists():
            text = "Custom conda environments not currently supported\n"  # startup.sh's own words
            return JobOutcome(1, text, "", None, {}, {}, {}, stage_mount_guard().description)
        before = read_tree(layout.mount)
        request = _request(layout, entry, args, env or {}, stdin, timeout, interpreter)
        reply = _run_fresh(layout, request, interpreter) if fresh else _serve(request, interpreter)
        return _outcome(layout, before, reply)


def _lay_out(
    layout: _Layout,
    project: Path,
    script: PurePosixPath,
    root: str,
    method: str,
    python: Path,
) -> Path:
    for folder in (layout.mount, layout.result, layout.home, layout.temporary):
        folder.mkdir()
    entry = PurePosixPath(script.name) if method == "submit_file" else script.relative_to(root)
    if method == "submit_file":
        layout.payload.mkdir()
        shutil.copy(project / script, layout.payload)
    else:
        copy_project(project / root, layout.payload)
    shutil.copytree(
        JobServer.of(python).launcher_scripts,
        layout.system,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return layout.payload / entry


def _process_environment(home: Path, temporary: Path, python: Path) -> dict[str, str]:
    library = stage_mount_guard().library
    preload = {"LD_PRELOAD": str(library)} if library else {}
    return environment(home, temporary, python) | {"PYTHONPATH": _PYTHONPATH} | preload


def _request(
    layout: _Layout,
    entry: Path,
    args: Sequence[str],
    env: Mapping[str, str],
    stdin: str | None,
    timeout: float,
    python: Path,
) -> dict[str, Any]:
    mounts = [str(layout.mount), str(layout.result)]
    layout.stream("stdin").write_text(stdin or "", encoding="utf-8")
    library = stage_mount_guard().library
    job_environment = {
        **launcher_variables(layout.mount, layout.payload, layout.result, "MLJOB_TEST"),
        "MLRS_USE_EMBEDDED_SCRIPTS": "true",
        "MLRS_SUBMITTED_TARGET_INSTANCES": "1",
    }
    return {
        "environment": {
            **_process_environment(layout.home, layout.temporary, python),
            **job_environment,
            **env,
            "PYTHONPATH": _PYTHONPATH,
            "MLJOB_STAGE_MOUNTS": ":".join(mounts),
        },
        "cwd": str(layout.payload),
        "argv": [str(layout.system / "mljob_launcher.py"), str(entry), *args],
        **{name: str(layout.stream(name)) for name in ("stdin", "stdout", "stderr")},
        "mounts": mounts,
        "library": str(library) if library else None,
        "guards": str(stage_mount_guard().python_guards),
        "timeout": timeout,
        "result": str(layout.result / _RESULT_NAME),
    }


def _serve(request: dict[str, Any], python: Path) -> dict[str, Any]:
    reply = JobServer.of(python).run(request)
    if reply["status"] is None:
        output = "".join(
            Path(request[name]).read_text(errors="replace")[-2000:] for name in ("stdout", "stderr")
        )
        raise TimeoutError(f"the job ran longer than {request['timeout']} s\n{output}")
    return reply


def _run_fresh(layout: _Layout, request: dict[str, Any], python: Path) -> dict[str, Any]:
    written = layout.stream("request.json")
    written.write_text(json.dumps(request), encoding="utf-8")
    finished = run_process(
        [str(python), str(_JOB_PROCESS), "once", str(written)],
        cwd=layout.payload,
        env={**request["environment"], "MLJOB_STAGE_MOUNTS": ""},
        stdin=None,
        timeout=request["timeout"],
    )
    return {"status": finished.status, "recorded": None}


def _place(name: str, payload: str) -> str:
    inside = name.startswith(payload)
    return f"payload/{name.removeprefix(payload)}" if inside else f"mount/{name}"


def _outcome(layout: _Layout, before: Files, reply: dict[str, Any]) -> JobOutcome:
    results = read_tree(layout.result)
    mount = changes(before, read_tree(layout.mount))
    payload = f"{layout.payload.name}/"
    elsewhere: dict[str, bytes | None] = {
        _place(name, payload): data for name, data in mount.written.items()
    }
    elsewhere |= {f"deleted {_place(name, payload)}": None for name in mount.deleted}
    home = without_caches(read_tree(layout.home))
    elsewhere |= {f"home/{name}": data for name, data in home.items()}
    return JobOutcome(
        status=reply["status"],
        stdout=layout.stream("stdout").read_text("utf-8", errors="replace"),
        stderr=layout.stream("stderr").read_text("utf-8", errors="replace"),
        recorded=Recorded(**reply["recorded"]) if reply["recorded"] else None,
        artifacts={
            name: data
            for name, data in results.items()
            if data is not None and not name.startswith(_SIDE_FILES)
        },
        elsewhere=elsewhere,
        temporary=read_tree(layout.temporary),
        guard=stage_mount_guard().description,
    )
