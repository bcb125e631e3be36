"""Environments of jobs: made once, on top of what the interpreter has, and never half."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mljob_codemod.requirements.pip_files import read_requirements
from mljob_codemod.runtime import environments
from mljob_codemod.runtime.environments import EnvironmentFailure, job_python

PYTHON = Path(sys.executable)


def make_wheel(folder: Path, name: str, version: str, *, needs: str = "") -> str:
    """A wheel of one module; returns the requirement that names the file."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}-{version}-py3-none-any.whl"
    record = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        wheel.writestr(
            f"{record}/METADATA", metadata + (f"Requires-Dist: {needs}\n" if needs else "")
        )
        wheel.writestr(
            f"{record}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{record}/RECORD", "")
    return f"{name} @ {file.as_uri()}"


def run(python: Path, source: str) -> str:
    done = subprocess.run([python, "-c", source], capture_output=True, text=True)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@pytest.fixture(params=["uv", "pip"])
def installer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    chosen: str = request.param
    if chosen == "pip":
        monkeypatch.setattr(environments, "_uv", lambda: None)
    elif environments._uv() is None:
        pytest.skip("uv is not installed")
    return chosen


def test_environment_has_the_requirements_and_what_the_interpreter_has(
    tmp_path: Path, installer: str
) -> None:
    said: list[str] = []
    wheel = make_wheel(tmp_path / "wheels", "fresh_one", "1.0", needs="click")
    python = job_python([wheel], PYTHON, tmp_path / "cache", said.append)
    assert run(python, "import fresh_one; print(fresh_one.VERSION)") == "1.0"
    # click is not installed again
    assert run(python, "import click; print(click.__file__)") == run(
        PYTHON, "import click; print(click.__file__)"
    )
    assert said == [f"installing {wheel}"]


def test_environment_is_made_once(tmp_path: Path, installer: str) -> None:
    said: list[str] = []
    wheel = make_wheel(tmp_path / "wheels", "fresh_one", "1.0")
    first = job_python([wheel], PYTHON, tmp_path / "cache", said.append)
    assert job_python([wheel], PYTHON, tmp_path / "cache", said.append) == first
    assert len(said) == 1
    assert job_python([], PYTHON, tmp_path / "cache", said.append) != first


def test_environment_that_was_left_half_made_is_made_anew(tmp_path: Path, installer: str) -> None:
    wheel = make_wheel(tmp_path / "wheels", "fresh_one", "1.0")
    python = job_python([wheel], PYTHON, tmp_path / "cache", lambda text: None)
    folder = python.parent.parent
    (folder / "complete").unlink()
    python.unlink()
    assert job_python([wheel], PYTHON, tmp_path / "cache", lambda text: None) == python
    assert run(python, "import fresh_one; print('there')") == "there"


def test_what_cannot_be_installed_is_said_in_a_line_and_tried_again(
    tmp_path: Path, installer: str
) -> None:
    wheels = tmp_path / "wheels"
    missing = "absent_one @ " + (wheels / "absent_one-1.0-py3-none-any.whl").as_uri()
    for _ in range(2):
        with pytest.raises(
            EnvironmentFailure, match=r"^requirements\.txt: .*absent_one"
        ) as failure:
            job_python([missing], PYTHON, tmp_path / "cache", lambda text: None)
        assert "\n" not in str(failure.value)
        log = Path(str(failure.value).rpartition("all of it: ")[2].rstrip(")"))
        assert "absent_one" in log.read_text()
    make_wheel(wheels, "absent_one", "1.0")
    python = job_python([missing], PYTHON, tmp_path / "cache", lambda text: None)
    assert run(python, "import absent_one; print('there')") == "there"


def test_pip_of_the_environment_finds_what_is_there(tmp_path: Path) -> None:
    python = job_python([], PYTHON, tmp_path / "cache", lambda text: None)
    done = subprocess.run(
        [python.parent / "pip", "install", "--no-index", "click>=8"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "already satisfied: click" in done.stdout


@pytest.fixture
def editable_base(tmp_path: Path) -> Path:
    """An interpreter in which a project of the user is installed for editing, in each of the ways."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", tmp_path / "base"], check=True)
    (packages,) = (tmp_path / "base").glob("lib/python*/site-packages")
    for name in ("by_path", "by_finder", "kept"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.py").write_text("")
    (packages / "by_path.pth").write_text(f"{tmp_path / 'by_path'}\n")
    (packages / "__editable__.by_finder-1.0.pth").write_text(
        f"import sys; sys.path.append({str(tmp_path / 'by_finder')!r})\n"
    )
    (packages / "inner").mkdir()
    (packages / "inner" / "kept.py").write_text("")
    (packages / "inner.pth").write_text("# a folder of its own\ninner\n")
    (packages / "named-nspkg.pth").write_text(
        "import sys, types; p = sys._getframe(1).f_locals['sitedir']; "
        "m = sys.modules.setdefault('named', types.ModuleType('named')); m.folder = p\n"
    )
    return tmp_path / "base" / "bin" / "python"


def test_projects_installed_for_editing_are_left_out(editable_base: Path, tmp_path: Path) -> None:
    python = job_python([], editable_base, tmp_path / "cache", lambda text: None)
    for name in ("by_path", "by_finder"):
        assert run(editable_base, f"import {name}; print('there')") == "there"
        assert run(python, f"import {name}") == f"ModuleNotFoundError: No module named '{name}'"
    assert run(python, "import kept; print('there')") == "there"
    folder = run(editable_base, "import named; print(named.folder)")
    assert run(python, "import named; print(named.folder)") == folder


def test_interpreter_that_does_not_run_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(EnvironmentFailure, match="does not run: broken"):
        job_python([], broken, tmp_path / "cache", lambda text: None)


def test_requirements_are_read_as_pip_gets_them(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "requirements.txt").write_text(
        "# packages\nnumpy>=1.20  # arrays\n-r more/base.txt\n\npandas[excel] \\\n  >=2\n-r https://a.example/r.txt\n"
        "--extra-index-url https://b.example/simple\n-c more/upper.txt\na==1 --hash=sha256:0\n-r more/base.txt\n"
    )
    (tmp_path / "more" / "base.txt").write_text("--requirement=deep.txt\nscipy\n")
    (tmp_path / "more" / "deep.txt").write_text("click @ https://example.org/a.whl#sha256=0\n")
    (tmp_path / "more" / "upper.txt").write_text("numpy<2\n-c lower.txt\n")
    (tmp_path / "more" / "lower.txt").write_text("scipy>1\n")
    found = read_requirements(tmp_path / "requirements.txt")
    assert found.lines == [
        "numpy>=1.20",
        "click @ https://example.org/a.whl#sha256=0",
        "scipy",
        "pandas[excel]   >=2",
        "-r https://a.example/r.txt",
        "--extra-index-url https://b.example/simple",
        "a==1 --hash=sha256:0",
    ]
    assert found.constraints == ["numpy<2", "scipy>1"]


def test_constraints_hold(tmp_path: Path, installer: str) -> None:
    for version in ("1.0", "2.0"):
        make_wheel(tmp_path / "wheels", "fresh_one", version)
    (tmp_path / "upper.txt").write_text("fresh_one<2\n")
    (tmp_path / "requirements.txt").write_text(
        f"--no-index\n--find-links {tmp_path / 'wheels'}\n-c upper.txt\nfresh_one\n"
    )
    found = read_requirements(tmp_path / "requirements.txt")
    cache = tmp_path / "cache"
    python = job_python(found.lines, PYTHON, cache, lambda text: None, found.constraints)
    assert run(python, "import fresh_one; print(fresh_one.VERSION)") == "1.0"
    free = job_python(found.lines, PYTHON, cache, lambda text: None)
    assert run(free, "import fresh_one; print(fresh_one.VERSION)") == "2.0"


def test_a_missing_file_of_requirements_is_named(tmp_path: Path, installer: str) -> None:
    (tmp_path / "requirements.txt").write_text("-r absent.txt\n")
    lines = read_requirements(tmp_path / "requirements.txt").lines
    with pytest.raises(EnvironmentFailure, match=r"absent\.txt"):
        job_python(lines, PYTHON, tmp_path / "cache", lambda text: None)
