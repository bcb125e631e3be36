"""The net below the rewrites: what a script writes in a job arrives, however the script ends."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mljob_codemod
from tests.harness import JobOutcome, run_inside

pytestmark = pytest.mark.launcher
ENTRY = Path(mljob_codemod.__file__).with_name("job_entry.py")
Run = Callable[..., JobOutcome]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `train.py`, the source, with other files beside it, through the entry in a job."""

    def run_script(source: str, *args: str, **options: Any) -> JobOutcome:
        project = tmp_path / "project"
        files = {"train.py": source, **options.pop("files", {})}
        for name, text in files.items():
            path = project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
            path.write_bytes(data)
        shutil.copy(ENTRY, project)
        command = options.pop("command", ["--every=300", "train.py"])
        return run_inside(project, "job_entry.py", [*command, *args], **options)

    return run_script


def test_files_of_the_working_directory_arrive_and_the_value_is_recorded(run: Run) -> None:
    job = run(
        """
        import json, os, sys
        os.makedirs("out/deep dir")
        with open("out/deep dir/modèle.json", "a") as file:  # a stage refuses this
            json.dump(sys.argv[1:], file)
        with open("data.csv", "r+") as file:
            file.seek(2)
            file.write("X")
        __return__ = open("unchanged.txt").read()
        """,
        "--epochs",
        "3",
        files={"data.csv": "abcdef", "unchanged.txt": "same"},
    )
    assert job.status == 0, job.stderr
    assert job.recorded is not None
    assert job.recorded.value == "same"
    assert dict(job.artifacts) == {
        "out/deep dir/modèle.json": b'["--epochs", "3"]',
        "data.csv": b"abXdef",
    }
    assert not job.elsewhere
    assert "kept 2 files of the working directory: data.csv, out/deep dir/modèle.json" in job.stdout


def test_the_script_runs_as_python_would_run_it(run: Run) -> None:
    job = run(
        """
        import os, pickle, sys
        import helpers

        class Model:
            pass

        pickle.loads(pickle.dumps(Model()))
        __return__ = {
            "name": __name__,
            "file": os.path.relpath(__file__),
            "argv": list(sys.argv),
            "path": os.path.relpath(sys.path[0]),
            "main": sys.modules["__main__"].Model is Model,
            "helper": helpers.VALUE,
        }
        """,
        "x",
        command=["scripts/train.py"],
        files={
            "scripts/helpers.py": "VALUE = 7\n",
            "scripts/train.py": "exec(open('train.py').read())\n",
        },
    )
    assert job.recorded is not None
    assert job.recorded.value == {
        "name": "__main__",
        "file": "scripts/train.py",
        "argv": ["scripts/train.py", "x"],
        "path": "scripts",
        "main": True,
        "helper": 7,
    }


@pytest.mark.parametrize(
    ("ending", "status", "value"),
    [
        ("", 0, 5),
        ("sys.exit(0)", 0, 5),
        ("raise SystemExit", 0, 5),
        ("sys.exit(3)", 3, None),
        ("sys.exit('no data')", 1, None),
        ("raise ValueError('no data')", 1, None),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", 143, None),
    ],
)
def test_files_are_kept_at_every_ending(
    run: Run, ending: str, status: int, value: int | None
) -> None:
    source = (
        f"import os, signal, sys, time\nopen('log.txt', 'a').write('x')\n__return__ = 5\n{ending}\n"
    )
    job = run(source)
    assert job.status == status
    assert dict(job.artifacts) == {"log.txt": b"x"}
    if value is not None:
        assert job.recorded is not None
        assert job.recorded.value == value


def test_a_child_that_ends_abruptly_keeps_its_files_and_collects_nothing(run: Run) -> None:
    job = run(
        """
        import os
        pid = os.fork()
        if pid == 0:
            with open("child.txt", "w") as file:
                file.write("child")
            os._exit(0)
        os.waitpid(pid, 0)
        """
    )
    assert dict(job.artifacts) == {"child.txt": b"child"}
    assert job.stdout.count("job_entry: kept") == 1


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_multiprocessing_find_the_script(run: Run, method: str) -> None:
    job = run(
        f"""
        import multiprocessing

        def work(number):
            with open(f"part-{{number}}.txt", "w") as file:
                file.write(str(number))
            return number * 2

        if __name__ == "__main__":
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                __return__ = pool.map(work, [1, 2])
        """
    )
    assert job.recorded is not None, job.stderr
    assert job.recorded.value == [2, 4]
    assert set(job.artifacts) == {"part-1.txt", "part-2.txt"}


def test_a_module_of_a_package_runs_by_its_name(run: Run) -> None:
    job = run(
        "",
        "2",
        command=["-m", "pkg.fit"],
        files={
            "pkg/__init__.py": "",
            "pkg/data.py": "VALUE = 3\n",
            "pkg/fit.py": "import sys\nfrom .data import VALUE\n"
            "__return__ = VALUE * int(sys.argv[1])\nsys.exit()\n",
        },
    )
    assert job.recorded is not None, job.stderr
    assert job.recorded.value == 6


def test_a_large_file_is_linked_until_it_is_changed(run: Run) -> None:
    large = b"x" * (17 * 1024 * 1024)
    job = run(
        """
        import os
        linked = [os.path.islink(name) for name in ("read.bin", "changed.bin")]
        open("read.bin", "rb").read(1)
        with open("changed.bin", "r+b") as file:
            file.write(b"y")
        __return__ = [*linked, os.path.islink("read.bin"), os.path.islink("changed.bin")]
        """,
        files={"read.bin": large, "changed.bin": large},
    )
    assert job.recorded is not None, job.stderr
    assert job.recorded.value == [True, True, True, False]
    assert dict(job.artifacts) == {"changed.bin": b"y" + large[1:]}
    assert not job.elsewhere


def test_what_the_script_puts_below_the_result_path_is_left_alone(run: Run) -> None:
    job = run(
        """
        import os
        for place in (os.environ["MLRS_STAGE_RESULT_PATH"], "."):
            for name, text in (("same.txt", "same"), ("other.txt", place[:1])):
                with open(os.path.join(place, name), "w") as file:
                    file.write(text)
        open("mljob_result", "w").close()
        """
    )
    assert dict(job.artifacts) == {
        "same.txt": b"same",
        "other.txt": b"/",
        "working_directory/other.txt": b".",
        "working_directory/mljob_result": b"",
    }


def test_caches_and_what_is_no_file_are_not_kept(run: Run) -> None:
    job = run(
        """
        import os, socket
        import helpers
        os.mkfifo("pipe")
        socket.socket(socket.AF_UNIX).bind("socket")
        os.symlink("nowhere", "dangling")
        os.makedirs(".cache/hub")
        open(".cache/hub/model", "w").close()
        os.makedirs("__pycache__", exist_ok=True)
        open("__pycache__/helpers.pyc", "w").close()
        """,
        files={"helpers.py": ""},
    )
    assert job.status == 0, job.stderr
    assert not job.artifacts


def test_files_written_at_the_very_end_are_kept(run: Run) -> None:
    job = run(
        """
        import atexit
        atexit.register(lambda: open("late.txt", "w").write("late"))
        """
    )
    assert dict(job.artifacts) == {"late.txt": b"late"}


def test_quiet_files_are_kept_before_a_job_is_killed(run: Run) -> None:
    job = run(
        """
        import os, signal, time
        with open("checkpoint.bin", "wb") as file:
            file.write(b"whole")
        busy = open("busy.bin", "wb")
        busy.write(b"half")
        busy.flush()
        deadline = time.monotonic() + 20
        kept = os.path.join(os.environ["MLRS_STAGE_RESULT_PATH"], "checkpoint.bin")
        while not os.path.exists(kept) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not os.path.exists(os.path.join(os.path.dirname(kept), "busy.bin"))
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        command=["--every=0.5", "train.py"],
    )
    assert job.status == -9
    assert job.artifacts["checkpoint.bin"] == b"whole"


def test_a_checkpoint_that_goes_on_changing_is_kept_as_it_is_last(run: Run) -> None:
    job = run(
        """
        import os, time
        kept = os.path.join(os.environ["MLRS_STAGE_RESULT_PATH"], "checkpoint.txt")
        with open("checkpoint.txt", "w") as file:
            file.write("first")
        deadline = time.monotonic() + 20
        while not os.path.exists(kept) and time.monotonic() < deadline:
            time.sleep(0.1)
        with open("checkpoint.txt", "w") as file:
            file.write("second")
        """,
        command=["--every=0.5", "train.py"],
    )
    assert dict(job.artifacts) == {"checkpoint.txt": b"second"}
    assert "kept 1 file of the working directory: checkpoint.txt" in job.stdout


def test_a_terminated_child_ends_by_the_signal(run: Run) -> None:
    job = run(
        """
        import multiprocessing, time
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(30,))
        child.start()
        child.terminate()
        child.join()
        __return__ = child.exitcode
        """
    )
    assert job.recorded is not None
    assert job.recorded.value == -15


def test_outside_a_job_the_script_runs_where_it_is(tmp_path: Path) -> None:
    import subprocess
    import sys

    shutil.copy(ENTRY, tmp_path)
    (tmp_path / "train.py").write_text("import sys; open('out.txt', 'w').write(sys.argv[1])\n")
    subprocess.run(
        [sys.executable, "job_entry.py", "train.py", "here"], cwd=tmp_path, check=True, timeout=60
    )
    assert (tmp_path / "out.txt").read_text() == "here"
