"""A job kept apart: each guard is tried by programs that do what it forbids, and what it must allow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mljob_codemod.runtime import isolation as isolation_module
from mljob_codemod.runtime.isolation import Isolation, Refusal, job_environment
from mljob_codemod.runtime.preload import preloaded_library

GIB = 2**30

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces and preloading")


@pytest.fixture
def isolate(tmp_path: Path) -> Callable[..., Isolation]:
    def make(**settings: object) -> Isolation:
        defaults: dict[str, object] = {
            "stage_folders": (),
            "network": True,
            "memory": None,
            "cpus": None,
            "scratch": tmp_path / "scratch",
        }
        return Isolation(**{**defaults, **settings})  # type: ignore[arg-type]

    return make


Isolate = Callable[..., Isolation]


def run(
    isolation: Isolation, *argv: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command, environment = isolation.command(argv, {"PATH": os.environ["PATH"]})
    return subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=60
    )


def run_python(
    isolation: Isolation, source: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return run(isolation, sys.executable, "-c", source, cwd=cwd)


# What this machine allows, and what is left where it does not


@pytest.fixture(params=["namespace", "library", "python"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One way of guarding after another, by taking the better ones away."""
    chosen: str = request.param
    if chosen == "namespace" and not isolation_module._has_namespaces():
        pytest.skip("no namespaces here")
    if chosen == "library" and preloaded_library("network") is None:
        pytest.skip("no C compiler here")
    if chosen != "namespace":
        monkeypatch.setattr(isolation_module, "_has_namespaces", lambda: False)
    if chosen != "library":
        monkeypatch.setattr(isolation_module, "preloaded_library", lambda name: None)
    return chosen


def test_compiler_of_this_machine_makes_the_libraries() -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler here")
    for name in ("stage_mount", "network"):
        assert preloaded_library(name) is not None


# Network

ASK = """
import socket
for name in ["huggingface.co", "files.pythonhosted.org"]:
    try:
        socket.getaddrinfo(name, 443)
    except socket.gaierror as error:
        print(error)
"""


def test_names_do_not_resolve_and_are_told(isolate: Isolate, way: str) -> None:
    isolation = isolate(network=False)
    done = run_python(isolation, ASK)
    assert done.stdout == "[Errno -3] Temporary failure in name resolution\n" * 2, done.stderr
    assert isolation.hosts_asked() == ("huggingface.co", "files.pythonhosted.org")


def test_addresses_are_out_of_reach(isolate: Isolate, way: str) -> None:
    isolation = isolate(network=False)
    done = run_python(isolation, "import socket; socket.create_connection(('192.0.2.1', 80))")
    assert "Network is unreachable" in done.stderr
    assert isolation.hosts_asked() == (() if way == "namespace" else ("192.0.2.1",))


LOCAL = """
import multiprocessing.managers, socket
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(("localhost", server.getsockname()[1])).close()
socket.getaddrinfo(socket.gethostname(), 80)
if __name__ == "__main__":
    manager = multiprocessing.managers.BaseManager(("127.0.0.1", 0))
    manager.start()
    manager.shutdown()
    print("works")
"""


def test_this_machine_stays_within_reach(isolate: Isolate, way: str) -> None:
    isolation = isolate(network=False)
    done = run_python(isolation, LOCAL)
    assert done.stdout == "works\n", done.stderr
    assert isolation.hosts_asked() == ()


@pytest.mark.parametrize("way", ["namespace", "library"], indirect=True)
def test_programs_that_are_not_python_have_no_network_either(isolate: Isolate, way: str) -> None:
    isolation = isolate(network=False)
    assert run(isolation, "getent", "ahosts", "example.com").returncode == 2
    assert isolation.hosts_asked() == ("example.com",)


def test_network_that_is_allowed_is_left_alone(isolate: Isolate) -> None:
    isolation = isolate()
    done = run_python(isolation, "import os; print('LD_PRELOAD' in os.environ)")
    assert done.stdout == "False\n"
    assert isolation.hosts_asked() == ()


def test_name_server_ends_with_the_job_and_is_not_its_child(isolate: Isolate) -> None:
    isolation = isolate(network=False)
    done = run_python(
        isolation, "import os\ntry: os.wait()\nexcept ChildProcessError: print('none')"
    )
    assert done.stdout == "none\n"  # and reading the output came to an end


# Stage folders


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    folder = tmp_path / "stage"
    folder.mkdir()
    (folder / "old.txt").write_text("abc")
    return folder


@pytest.mark.parametrize("way", ["library", "python"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("open('log.txt', 'a')", ("append", "log.txt")),
        ("f = open('old.txt', 'r+'); f.write('x'); f.close()", ("overwrite", "old.txt")),
        ("open('old.txt', 'r+').truncate(1)", ("truncate", "old.txt")),
        (
            "import mmap; f = open('old.txt', 'r+b'); mmap.mmap(f.fileno(), 0)",
            ("map", "old.txt"),
        ),
    ],
)
def test_stage_folders_refuse_and_tell(
    isolate: Isolate, stage: Path, way: str, statement: str, refusal: tuple[str, str]
) -> None:
    isolation = isolate(stage_folders=(stage,))
    done = run_python(isolation, statement, cwd=stage)
    assert "Operation not supported" in done.stderr
    manner, name = refusal
    assert isolation.refusals() == (Refusal(manner, stage / name),)


@pytest.mark.parametrize("way", ["library", "python"], indirect=True)
def test_other_folders_and_other_writing_are_left_alone(
    isolate: Isolate, stage: Path, tmp_path: Path, way: str
) -> None:
    isolation = isolate(stage_folders=(stage,))
    source = f"open({str(tmp_path / 'log')!r}, 'a').write('x'); open('new.txt', 'w').write('x')"
    done = run_python(isolation, source, cwd=stage)
    assert done.returncode == 0, done.stderr
    assert isolation.refusals() == ()
    assert (stage / "new.txt").read_text() == "x"


@pytest.mark.parametrize("way", ["python"], indirect=True)
def test_python_guards_reach_programs_that_set_the_import_path_anew(
    isolate: Isolate, stage: Path, way: str
) -> None:
    isolation = isolate(stage_folders=(stage,))
    source = "import sys; print([p for p in sys.path if 'startup' in p]); open('log.txt', 'a')"
    done = run(isolation, "bash", "-c", f'PYTHONPATH=/x python3 -c "{source}"', cwd=stage)
    assert "Operation not supported" in done.stderr
    assert done.stdout == "[]\n"


# Memory, CPUs


def test_memory_beyond_the_limit_is_refused(isolate: Isolate) -> None:
    isolation = isolate(memory=GIB)
    source = "print(len(bytearray(10**8))); bytearray(15 * 10**8)"
    done = run_python(isolation, source)
    assert done.stdout == "100000000\n"
    assert done.returncode != 0
    assert run_python(isolate(), source).returncode == 0


def test_cpus_are_limited(isolate: Isolate) -> None:
    done = run_python(isolate(cpus=1), "import os; print(len(os.sched_getaffinity(0)))")
    assert done.stdout == "1\n"


def test_more_cpus_than_the_machine_has_are_said(isolate: Isolate) -> None:
    there = len(os.sched_getaffinity(0))
    isolation = isolate(cpus=there + 4)
    assert isolation.description() == (f"CPUs: {there}, all of this machine, of {there + 4}",)


# Environment


def test_environment_holds_nothing_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "HF_TOKEN"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    with_network = job_environment(Path("/v/bin/python"), home, temporary, network=True)
    without = job_environment(Path("/v/bin/python"), home, temporary, network=False)
    assert "x" not in with_network.values()
    assert with_network["HOME"] == str(home)
    assert with_network["PATH"].startswith("/v/bin:")
    assert with_network["HTTPS_PROXY"] == "http://proxy"
    assert "HTTPS_PROXY" not in without


def test_description_names_each_part_once(isolate: Isolate, stage: Path) -> None:
    isolation = isolate(stage_folders=(stage,), network=False, memory=6 * GIB, cpus=1)
    parts = [line.partition(":")[0] for line in isolation.description()]
    assert parts == ["stage folders", "network", "memory", "CPUs"]
    assert isolate().description() == ()
