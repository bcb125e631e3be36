"""The compute pool of the local account: runs its jobs as processes of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mljob_codemod.errors import InputError
from mljob_codemod.requirements.declared import RequirementFile
from mljob_codemod.requirements.pip_files import read_requirements
from mljob_codemod.runtime.environments import EnvironmentFailure, job_python
from mljob_codemod.runtime.isolation import Isolation, Refusal, job_environment
from mljob_codemod.runtime.written import Snapshot, WrittenFile, written_outside

_LAUNCH = Path(__file__).with_name("launch.py")
_MOUNT = "/mnt/job_stage"


@dataclass(frozen=True)
class PoolOptions:
    """How jobs run here. ``memory`` is in bytes, ``timeout`` in seconds."""

    python: Path
    cache: Path
    install: bool = True
    network: bool = True
    memory: int | None = None
    cpus: float | None = None
    timeout: float | None = None


@dataclass
class Ran:
    """What one job left behind, apart from what the client sees."""

    written: list[tuple[str, WrittenFile]] = field(default_factory=list)
    """Files outside the result path, by the folder they are in: ``payload`` or ``home``."""
    hosts_asked: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    isolation: tuple[str, ...] = ()
    seconds: float = 0.0
    timed_out: bool = False
    nodes: int = 1
    """On how many nodes it ran."""
    exit_status: int | None = None
    """That of the launcher, negative for a signal."""
    writers: dict[Path, tuple[str, int]] = field(default_factory=dict)
    """File and line of the payload that first opened a file for writing."""


class Pool:
    """Waits for jobs below ``account/jobs`` and runs them one after the other, in a thread."""

    def __init__(
        self,
        account: Path,
        options: PoolOptions,
        say: Callable[[str], None],
        show: Callable[[str], None],
    ) -> None:
        self._account = account
        self._options = options
        self._say = say
        self._show = show
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.ran: dict[str, Ran] = {}

    def __enter__(self) -> Pool:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._stop.is_set():
            for file in sorted((self._account / "jobs").glob("*/job.json")):
                if not (file.parent / "status").exists():
                    self._run(file.parent, json.loads(file.read_text("utf-8")))
            time.sleep(0.02)

    def _run(self, folder: Path, job: dict[str, Any]) -> None:
        """Take a job from PENDING to its end."""
        started = time.monotonic()
        ran = self.ran[job["id"]] = Ran()
        _set_status(folder, "RUNNING")
        with (folder / "log").open("w", encoding="utf-8", errors="replace") as log:

            def write(text: str) -> None:
                log.write(text)
                log.flush()
                self._show(text)

            try:
                status = self._process(folder, job, ran, write)
            except (EnvironmentFailure, InputError, OSError) as error:
                write(f"{error}\n")
                status = "FAILED"
            except Exception:  # a client must never wait for a pool that is gone
                write(traceback.format_exc())
                status = "INTERNAL_ERROR"
        ran.seconds = time.monotonic() - started
        _set_status(folder, status)

    def _process(
        self, folder: Path, job: dict[str, Any], ran: Ran, write: Callable[[str], None]
    ) -> str:
        variables = {name: str(value) for name, value in job["spec"]["ENV_VARS"].items()}
        mount, result = folder / "job_stage", Path(job["result"])
        home, temporary = folder / "home", folder / "tmp"
        shutil.copytree(job["payload"], mount)
        for made in (home, temporary, result):
            made.mkdir(parents=True, exist_ok=True)
        payload = mount / variables.get("MLRS_PAYLOAD_DIR", "app")
        if (payload / variables.get("MLRS_CONDA_ENV_FILE", "environment.yml")).exists():
            write("Custom conda environments not currently supported\n")  # startup.sh's own words
            return "FAILED"
        python = self._python(payload / variables.get("MLRS_REQUIREMENTS_FILE", "requirements.txt"))
        isolation = Isolation(
            (mount, result),
            self._options.network,
            self._options.memory,
            self._options.cpus,
            folder / "isolation",
        )
        ran.isolation = isolation.description()
        environment = {
            **job_environment(python, home, temporary, network=self._options.network),
            **variables,
            **launcher_variables(mount, payload, result, job["id"].rpartition(".")[2]),
        }
        arguments = [part.replace(_MOUNT, str(mount), 1) for part in job["spec"]["ARGS"]]
        launcher = str(mount / "system" / "mljob_launcher.py")
        command = [str(python), str(_LAUNCH), str(folder), launcher, *arguments[2:]]
        command, environment = isolation.command(command, environment)
        before = {"payload": Snapshot.of(payload), "home": Snapshot.of(home)}
        self._say("running under the launcher")
        status = self._wait(command, environment, payload, folder, ran, write)
        ran.hosts_asked, ran.refusals = isolation.hosts_asked(), isolation.refusals()
        with contextlib.suppress(FileNotFoundError):
            ran.nodes = int((folder / "nodes").read_text("utf-8"))
        ran.writers = _writers(folder / "writers")
        for name, place in (("payload", payload), ("home", home)):
            ran.written += [(name, each) for each in written_outside(before[name], place, result)]
        return status

    def _python(self, requirements: Path) -> Path:
        """An environment of the job's own, in any case: without the projects that a user has installed for editing."""
        installs = self._options.install and requirements.is_file()
        found = read_requirements(requirements) if installs else RequirementFile(requirements)
        return job_python(
            found.lines,
            self._options.python,
            self._options.cache,
            self._say,
            found.constraints,
        )

    def _wait(
        self,
        command: list[str],
        environment: dict[str, str],
        payload: Path,
        folder: Path,
        ran: Ran,
        write: Callable[[str], None],
    ) -> str:
        process = subprocess.Popen(
            command,
            cwd=payload,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        reader = threading.Thread(target=_copy_lines, args=(process, write), daemon=True)
        reader.start()
        deadline = None
        if self._options.timeout is not None:
            deadline = time.monotonic() + self._options.timeout
        status = None
        while status is None and process.poll() is None:
            if (folder / "cancel").exists() or self._stop.is_set():
                status = "CANCELLED"
            elif deadline is not None and time.monotonic() > deadline:
                status, ran.timed_out = "FAILED", True
            else:
                time.sleep(0.02)
        _end(process)
        reader.join(timeout=5)
        ran.exit_status = process.returncode
        return status or ("DONE" if process.returncode == 0 else "FAILED")


def launcher_variables(mount: Path, payload: Path, result: Path, service: str) -> dict[str, str]:
    """The variables that the account and `startup.sh` set for the launcher, on the first of one node."""
    return {
        "MLRS_STAGE_MOUNT_PATH": str(mount),
        "MLRS_PAYLOAD_DIR": payload.relative_to(mount).as_posix(),
        "MLRS_STAGE_RESULT_PATH": str(result),
        "MLRS_RESULT_PATH": "mljob_result",
        "SNOWFLAKE_SERVICE_NAME": service,
        "SERVICE_NAME": service,
        "SNOWFLAKE_JOBS_COUNT": "1",
        "SNOWFLAKE_JOB_INDEX": "0",
        "PYTHONPATH": "/opt/env/site-packages/",
    }


def _writers(file: Path) -> dict[Path, tuple[str, int]]:
    found: dict[Path, tuple[str, int]] = {}
    with contextlib.suppress(FileNotFoundError):
        for line in file.read_text("utf-8", errors="replace").splitlines():
            path, place, number = line.rsplit("\t", 2)
            found.setdefault(Path(path), (place, int(number)))
    return found


def _copy_lines(process: subprocess.Popen[str], write: Callable[[str], None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        write(line)


def _end(process: subprocess.Popen[str]) -> None:
    """End a job's process with all that it has started, as the end of a container does."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _set_status(folder: Path, status: str) -> None:
    part = folder / "status.part"
    part.write_text(status, encoding="utf-8")
    part.rename(folder / "status")
