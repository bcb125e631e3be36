"""The interpreters whose Snowflake client the tests in this folder drive."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

OLDEST = "1.26.0"
CACHE = Path(__file__).parents[2] / ".cache" / "clients"

_given = os.environ.get("MLJOB_CLIENT_PYTHONS", "")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "client: runs a submission through the Snowflake client")


@pytest.fixture(scope="session", params=_given.split(os.pathsep) if _given else ["newest", OLDEST])
def client_python(request: pytest.FixtureRequest) -> Path:
    """An interpreter with the newest client, then one with the oldest that is supported.

    The newest is the one beside this pytest; the oldest is installed once into a cache.
    ``MLJOB_CLIENT_PYTHONS`` (paths) names other interpreters.
    """
    wanted: str = request.param
    if _given:
        return Path(wanted)
    if wanted == "newest" and _is_supported() and _has_client():
        return Path(sys.executable)
    return _install(wanted)


def _is_supported() -> bool:
    return sys.version_info[:2] <= (3, 12)


def _has_client() -> bool:
    try:
        version("snowflake-ml-python")
    except PackageNotFoundError:
        return False
    return True


def _install(wanted: str) -> Path:
    """An environment with the client, made once; skips, and says why, if that fails.

    It is made beside its place and moved there when it is complete, since tests run in several processes.
    """
    folder = CACHE / wanted
    python = Path("Scripts" if os.name == "nt" else "bin", "python")
    if folder.exists():
        return folder / python
    base = sys.executable if _is_supported() else shutil.which("python3.12")
    if base is None:
        pytest.skip("the client needs Python 3.10, 3.11 or 3.12, and there is none here")
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    with tempfile.TemporaryDirectory(dir=CACHE, ignore_cleanup_errors=True) as temporary:
        made = Path(temporary) / wanted
        subprocess.run([base, "-m", "venv", made], check=True)
        requirement = "snowflake-ml-python" + ("" if wanted == "newest" else f"=={wanted}")
        _install_into(made / python, requirement)
        try:
            made.rename(folder)
        except OSError:
            if not folder.exists():  # otherwise another process was quicker
                raise
    return folder / python


def _install_into(python: Path, requirement: str) -> None:
    failures = []
    for installer in _installers(python):
        done = subprocess.run([*installer, "--quiet", requirement], capture_output=True, text=True)
        if not done.returncode:
            return
        failures.append(done.stderr.strip()[-400:])
    pytest.skip(f"cannot install {requirement}: {failures}")


def _installers(python: Path) -> Iterator[list[str]]:
    """Commands that install into the environment of ``python``, the faster one first."""
    uv = Path(sys.executable).with_name("uv")
    if uv.exists():
        yield [str(uv), "pip", "install", "--python", str(python)]
    yield [str(python), "-m", "pip", "install"]
