"""Virtual environments for jobs: what `requirements.txt` asks for, on top of an interpreter's own packages.

The interpreter stands for the runtime image: what it has already satisfies a requirement, as in a job. The
user's own projects that are installed in it for editing are left out, for no image holds them.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mljob_codemod.errors import MljobError

_COMPLETE = "complete"
_LOG = "install.log"
_REQUIREMENTS, _CONSTRAINTS = "requirements.txt", "mljob-constraints.txt"

_FACTS = """
import json, os, sys
folders = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "folders": folders}))
"""

_WOULD_INSTALL = re.compile(r"Would install (\d+) packages?")
_ADDED = re.compile(r"^\s*\+ (?P<requirement>.+)$", re.MULTILINE)
_OWN_FOLDER = "sys._getframe(1).f_locals['sitedir']"
"""How the .pth files of namespace packages find the folder they stand in."""


class EnvironmentFailure(MljobError):
    """Packages cannot be installed; the message ends with the file that tells all."""


def job_python(
    requirements: Sequence[str],
    base: Path,
    cache: Path,
    say: Callable[[str], None],
    constraints: Sequence[str] = (),
) -> Path:
    """The interpreter of an environment that has `requirements` and what the interpreter `base` has.

    Both are lines as pip gets them. Environments are kept below `cache`; `say` is told when one is made.
    """
    python = _Base.of(base)
    folder = cache / "environments" / _key(requirements, constraints, python)
    interpreter = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        if not (folder / _COMPLETE).is_file():
            shutil.rmtree(folder, ignore_errors=True)  # what an interrupted run left
            _make(folder, python)
            if requirements:
                say(f"installing {_named(requirements)}")
                _install(requirements, constraints, folder, python)
            (folder / _COMPLETE).touch()
    return interpreter


@dataclass(frozen=True)
class _Base:
    """The interpreter below: its version and the folders of its packages."""

    python: Path
    version: str
    folders: tuple[Path, ...]

    @classmethod
    def of(cls, python: Path) -> _Base:
        # Isolated from this process's settings, but with the user's own site-packages.
        variables = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        asked = subprocess.run(
            [python, "-c", _FACTS], capture_output=True, text=True, env=variables, cwd="/"
        )
        if asked.returncode:
            raise EnvironmentFailure(f"{python} does not run: {asked.stderr.strip()[-300:]}")
        facts = json.loads(asked.stdout.splitlines()[-1])
        return cls(python, facts["version"], tuple(Path(folder) for folder in facts["folders"]))

    def packages(self) -> list[str]:
        """Names and versions of what is installed, as the names of the folders that record it."""
        return [
            entry.name
            for folder in self.folders
            if folder.is_dir()
            for entry in sorted(folder.iterdir())
            if entry.suffix in (".dist-info", ".egg-info", ".pth")
        ]


def _key(requirements: Sequence[str], constraints: Sequence[str], base: _Base) -> str:
    asked = [sorted(requirements), sorted(constraints)]
    facts = [*asked, str(base.python), base.version, base.packages()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


# --- an environment that sees the packages below


def _make(folder: Path, base: _Base) -> None:
    made = subprocess.run(
        [base.python, "-m", "venv", "--without-pip", folder], capture_output=True, text=True
    )
    if made.returncode:
        reason = (made.stderr or made.stdout).strip()
        raise EnvironmentFailure(f"{base.python} makes no virtual environment: {reason[-300:]}")
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "below.pth").write_text("".join(f"{line}\n" for line in _lines_of(base)))
    _add_pip(folder)


def _lines_of(base: _Base) -> Iterator[str]:
    """Lines of a .pth file that bring in the packages below, without their links to other folders."""
    for folder in base.folders:
        yield str(folder)
        for file in sorted(folder.glob("*.pth")):
            # `__editable__…` is how setuptools links a project that is installed for editing.
            if not file.name.startswith("__editable__"):
                yield from _inner_lines(file, folder)


def _inner_lines(file: Path, folder: Path) -> Iterator[str]:
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(("import ", "import\t")):
            yield line.replace(_OWN_FOLDER, repr(str(folder)))
        elif line.strip() and not line.startswith("#"):
            target = folder / line.strip()
            if target.resolve().is_relative_to(folder.resolve()):
                yield str(target)


def _add_pip(folder: Path) -> None:
    """`pip` as a program, made of the module that the packages below have, or of Python's own copy."""
    python = folder / "bin" / "python"
    if subprocess.run([python, "-c", "import pip"], capture_output=True).returncode:
        subprocess.run([python, "-m", "ensurepip"], capture_output=True)
    for name in ("pip", "pip3"):
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\nexec "{python}" -m pip "$@"\n')
        program.chmod(0o755)


# --- installing


def _install(
    requirements: Sequence[str], constraints: Sequence[str], folder: Path, base: _Base
) -> None:
    file = folder / _REQUIREMENTS
    lines = [f"-c {_CONSTRAINTS}", *requirements] if constraints else requirements
    for name, written in ((_REQUIREMENTS, lines), (_CONSTRAINTS, constraints)):
        (folder / name).write_text("".join(f"{line}\n" for line in written), encoding="utf-8")
    uv = _uv()
    if uv is not None:
        try:
            return _install_with_uv(uv, file, folder, base)
        except EnvironmentFailure:
            pass  # pip has settings of its own, an index for one, and the last word
    python = folder / "bin" / "python"
    _run_or_fail([str(python), "-m", "pip", "install", "--no-input", "-r", str(file)], folder)
    return None


def _uv() -> str | None:
    return shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))


def _install_with_uv(uv: str, file: Path, folder: Path, base: _Base) -> None:
    """Let uv find what is missing below, and install just that.

    uv does not count what an environment sees of another one, and would install all of it again.
    """
    options = ["--python", str(base.python), "--break-system-packages", "-r", str(file)]
    told = _run_or_fail([uv, "pip", "install", "--dry-run", *options], folder)
    wanted = [found["requirement"] for found in _ADDED.finditer(told)]
    counted = _WOULD_INSTALL.search(told)
    if len(wanted) != (int(counted[1]) if counted else 0):
        raise EnvironmentFailure(f"{uv} says what it would install in a way not known here")
    if wanted:
        settings = [line for line in file.read_text("utf-8").splitlines() if line.startswith("-")]
        found_file = folder / "found.txt"
        found_file.write_text("".join(f"{line}\n" for line in [*settings, *wanted]), "utf-8")
        python = str(folder / "bin" / "python")
        install = ["install", "--no-deps", "--python", python, "-r", str(found_file)]
        _run_or_fail([uv, "pip", *install], folder)


def _run_or_fail(command: Sequence[str], folder: Path) -> str:
    """What the command printed; its output is kept beside the environment."""
    variables = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    ran = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=variables,
    )
    log = folder.with_name(f"{folder.name}.{_LOG}")
    with log.open("w", encoding="utf-8") as stream:
        stream.write(ran.stdout)
    if ran.returncode:
        raise EnvironmentFailure(f"requirements.txt: {_cause(ran.stdout)} (all of it: {log})")
    return ran.stdout


def _cause(output: str) -> str:
    """The line of an installer's output that tells what is wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    if errors:
        return errors[-1].removeprefix("ERROR:").strip()
    return lines[-1] if lines else "cannot be installed"


def _named(requirements: Sequence[str]) -> str:
    packages = [line for line in requirements if not line.startswith("-")]
    shown = ", ".join(packages[:6])
    return shown if len(packages) <= 6 else f"{shown} and {len(packages) - 6} more"
