"""What a job on this machine is kept from: the user's settings, the network, other ways of writing.

On Linux with a C compiler and namespaces nothing gets past it; elsewhere each part does what it can, and
`Isolation.description` says what that is.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mljob_codemod.runtime.preload import cache_folder, preloaded_library

_CONFINE = Path(__file__).with_name("confine.py")
PYTHON_GUARDS = Path(__file__).with_name("python_guards.py")

_PROGRAM_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_LINUX = sys.platform == "linux"

_KEPT = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
"""Variables of this machine rather than of its user: without them its libraries are not found."""

_KEPT_WITH_NETWORK = (
    *(
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
    ),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
"""How this machine gets out at all: where egress is allowed, a job does without."""


def job_environment(python: Path, home: Path, temporary: Path, *, network: bool) -> dict[str, str]:
    """The variables a container starts with, and none of the user's.

    `python` is the interpreter that `python` and `pip` shall mean; `home` and `temporary` are empty folders.
    """
    kept = (*_KEPT, *(_KEPT_WITH_NETWORK if network else ()))
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "PATH": f"{python.parent}:{_PROGRAM_FOLDERS}",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        # Building the font cache takes seconds in each new home folder.
        "MPLCONFIGDIR": str(cache_folder() / "matplotlib"),
    }


@dataclass(frozen=True)
class Refusal:
    """A write that a stage mount does not take."""

    manner: str
    """`append`, `overwrite` (not at the end of the file), `truncate` or `map`."""
    path: Path


@dataclass(frozen=True)
class Isolation:
    """Keeps one job apart. The folders need not exist yet; `scratch` is for this class alone."""

    stage_folders: tuple[Path, ...]
    """Refuse what a stage mount refuses, below them."""
    network: bool
    """Whether the job reaches anything but this machine. Without it, what the job talks to on this machine
    must be there by a socket in the file system, or be started by the job: the loopback is its own."""
    memory: int | None
    """Bytes."""
    cpus: float | None
    scratch: Path

    def command(
        self, argv: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        """The command line and the environment that run `argv` in `environment` kept apart."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        variables = {**environment, **self._guard_variables()}
        libraries = [str(library) for library in self._libraries() if library is not None]
        if libraries:
            variables["LD_PRELOAD"] = ":".join(libraries)
        if self._needs_python_guards():
            self._add_python_guards(variables)
        return [*self._limits(), *self._confinement(), *argv], variables

    def hosts_asked(self) -> tuple[str, ...]:
        """Names and addresses beyond this machine that the job asked for, in the order it did."""
        return tuple(dict.fromkeys(_lines(self._hosts_file)))

    def refusals(self) -> tuple[Refusal, ...]:
        """What stage folders refused, caught by the job or not."""
        parts = (line.partition("\t") for line in dict.fromkeys(_lines(self._refusals_file)))
        return tuple(Refusal(manner, Path(path)) for manner, _, path in parts)

    def description(self) -> tuple[str, ...]:
        """What holds on this machine, a line for each part."""
        lines = []
        if self.stage_folders:
            lines.append(f"stage folders: {self._describe_stage()}")
        if not self.network:
            lines.append(f"network: {self._describe_network()}")
        if self.memory is not None:
            lines.append(f"memory: {self._describe_memory(self.memory)}")
        if self.cpus is not None:
            lines.append(f"CPUs: {self._describe_cpus(self.cpus)}")
        return tuple(lines)

    # --- what is passed on

    @property
    def _hosts_file(self) -> Path:
        return self.scratch / "hosts-asked"

    @property
    def _refusals_file(self) -> Path:
        return self.scratch / "refusals"

    def _guard_variables(self) -> dict[str, str]:
        variables = {}
        if self.stage_folders:
            real = [os.path.realpath(folder) for folder in self.stage_folders]
            variables["MLJOB_STAGE_MOUNTS"] = ":".join(real)
            variables["MLJOB_STAGE_REFUSALS"] = str(self._refusals_file)
        if not self.network:
            variables["MLJOB_HOSTS_ASKED"] = str(self._hosts_file)
        return variables

    def _libraries(self) -> list[Path | None]:
        names = [
            *(["stage_mount"] if self.stage_folders else []),
            *([] if self.network else ["network"]),
        ]
        return [preloaded_library(name) for name in names]

    def _needs_python_guards(self) -> bool:
        stage = bool(self.stage_folders) and preloaded_library("stage_mount") is None
        return stage or not (self.network or _has_namespaces() or preloaded_library("network"))

    def _add_python_guards(self, variables: dict[str, str]) -> None:
        """Load the guards in each Python process, also where a script sets the import path anew."""
        folder = self.scratch / "startup"
        folder.mkdir(exist_ok=True)
        shutil.copyfile(PYTHON_GUARDS, folder / "sitecustomize.py")
        programs = self.scratch / "bin"
        programs.mkdir(exist_ok=True)
        for name in ("python", "python3"):
            python = shutil.which(name, path=variables.get("PATH"))
            if python is not None:
                script = programs / name
                script.write_text(
                    f'#!/bin/sh\nPYTHONPATH="{folder}:$PYTHONPATH" exec "{python}" "$@"\n'
                )
                script.chmod(0o755)
        variables["PYTHONPATH"] = f"{folder}:{variables.get('PYTHONPATH', '')}"
        variables["PATH"] = f"{programs}:{variables.get('PATH', '')}"

    def _limits(self) -> list[str]:
        return [*_SCOPE, *_scope_limit(self.memory)] if self.memory and _has_scopes() else []

    def _confinement(self) -> list[str]:
        settings: dict[str, object] = {}
        if not self.network and _has_namespaces():
            settings["hosts_asked"] = str(self._hosts_file)
        if self.memory is not None and not _has_scopes():
            settings["memory"] = self.memory
        if self.cpus is not None and _LINUX:
            settings["cpus"] = max(1, math.ceil(self.cpus))
        return [sys.executable, "-I", "-S", str(_CONFINE), json.dumps(settings)] if settings else []

    # --- what is said

    def _describe_stage(self) -> str:
        if preloaded_library("stage_mount"):
            return "refuse append, writes before the end, ftruncate and shared mmap (preloaded library)"
        return "refuse append, and writes before the end by Python code alone (no C compiler: audit hooks)"

    def _describe_network(self) -> str:
        if _has_namespaces():
            return "none (namespace)"
        if preloaded_library("network"):
            return "none for dynamically linked programs (no namespaces here: preloaded library)"
        return "none for Python code (no namespaces, no C compiler here: audit hooks)"

    def _describe_memory(self, memory: int) -> str:
        size = f"{memory / 2**30:.3g} GiB"
        if _has_scopes():
            return f"{size}, the job is killed beyond (control group)"
        return (
            f"{size} of private data in each process, MemoryError beyond (no control groups here)"
        )

    def _describe_cpus(self, cpus: float) -> str:
        if not _LINUX:
            return "not limited (not Linux)"
        count, there = max(1, math.ceil(cpus)), len(os.sched_getaffinity(0))
        return str(count) if count <= there else f"{there}, all of this machine, of {count}"


_SCOPE = ("systemd-run", *(() if os.geteuid() == 0 else ("--user",)), "--scope", "--quiet")


def _scope_limit(memory: int) -> list[str]:
    return ["-p", f"MemoryMax={memory}", "-p", "MemorySwapMax=0", "--"]


@lru_cache(maxsize=1)
def _has_scopes() -> bool:
    return _works([*_SCOPE, *_scope_limit(2**30), "true"])


@lru_cache(maxsize=1)
def _has_namespaces() -> bool:
    settings = json.dumps({"hosts_asked": os.devnull})
    return _works([sys.executable, "-I", "-S", str(_CONFINE), settings, "true"])


def _works(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
