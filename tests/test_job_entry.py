"""The net below the rewrites: what a script writes in a job arrives, however the script ends."""

from __future__ import annotations

import random
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mljob_codemod
from mljob_codemod import job_entry
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


@pytest.mark.parametrize("end", ["os._exit(0)", "raise SystemExit"])
def test_a_child_that_ends_by_itself_keeps_its_files_and_collects_nothing(
    run: Run, end: str
) -> None:
    job = run(
        """
        import os
        pid = os.fork()
        if pid == 0:
            with open("child.txt", "w") as file:
                file.write("child")
            END
        os.waitpid(pid, 0)
        """.replace("END", end)
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


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_script_with_relative_imports_runs_by_its_modules_name(run: Run, method: str) -> None:
    job = run(
        "",
        "2",
        command=["pkg/fit.py"],
        files={
            "pkg/__init__.py": "",
            "pkg/data.py": "VALUE = 3\n",
            "pkg/fit.py": f"""
                import multiprocessing
                import sys
                from .data import VALUE

                def scale(number):
                    return VALUE * number

                if __name__ == "__main__":
                    with multiprocessing.get_context("{method}").Pool(1) as pool:
                        __return__ = pool.map(scale, [int(sys.argv[1])])
            """,
        },
    )
    assert job.recorded is not None, job.stderr
    assert job.recorded.value == [6]


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


def test_a_process_that_outlives_the_script_holds_nothing_up(run: Run) -> None:
    job = run(
        """
        import multiprocessing
        manager = multiprocessing.get_context("fork").Manager()  # ends when the interpreter does
        counts = manager.dict(seen=3)
        with open("counts.txt", "w") as file:
            file.write(str(counts["seen"]))
        """,
        timeout=40,
    )
    assert job.status == 0, job.stderr
    assert dict(job.artifacts) == {"counts.txt": b"3"}


def test_a_half_written_checkpoint_does_not_replace_the_whole_one(run: Run) -> None:
    """The job is cancelled while a checkpoint is written that was kept before."""
    job = run(
        """
        import os, signal, time
        kept = os.path.join(os.environ["MLRS_STAGE_RESULT_PATH"], "checkpoint.txt")
        with open("checkpoint.txt", "w") as file:
            file.write("whole")
        with open("loss.txt", "w") as file:
            file.write("0.5")
        deadline = time.monotonic() + 20
        while not os.path.exists(kept) and time.monotonic() < deadline:
            time.sleep(0.1)
        with open("checkpoint.txt", "w") as file:
            file.write("ha")
            file.flush()
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(9)
        """,
        command=["--every=0.5", "train.py"],
    )
    assert job.status == 143
    assert dict(job.artifacts) == {
        "checkpoint.txt": b"whole",
        "loss.txt": b"0.5",
        "working_directory/checkpoint.txt": b"ha",
    }


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


def test_a_traceback_shows_the_script_alone(run: Run) -> None:
    job = run(
        """
        def fit():
            raise ValueError("no data")

        fit()
        """
    )
    assert job.status == 1
    _, _, shown = job.stderr.partition("mljob_launcher.py")
    if sys.version_info >= (3, 11):  # before, the entry's own line cannot be taken away
        assert "job_entry.py" not in shown
    assert shown.index('payload/train.py", line 5, in <module>') < shown.index("line 3, in fit")
    assert "ValueError: no data" in shown


def test_a_read_only_file_of_200_mb_is_read_where_it_lies(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "project" / "data" / "large file ü.bin"
    data.parent.mkdir(parents=True)
    with data.open("wb") as file:  # sparse: it takes no room
        file.truncate(200 * 1024 * 1024)
    data.chmod(0o444)
    job = run(
        """
        import os
        name = "data/large file ü.bin"
        with open(name, "rb") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read()
        __return__ = [os.path.islink(name), last == b"\\0", os.path.getsize(name)]
        """
    )
    assert job.recorded is not None, job.stderr
    assert job.recorded.value == [True, True, 200 * 1024 * 1024]
    assert not job.artifacts
    assert not job.elsewhere


def test_names_with_spaces_and_letters_of_any_script(run: Run) -> None:
    job = run(
        "",
        "--möbel=große",
        command=["mes scripts/entraîner le modèle.py"],
        files={
            "mes scripts/entraîner le modèle.py": """
                import sys
                with open("résultat 1.txt", "a", encoding="utf-8") as file:
                    file.write(sys.argv[1])
                __return__ = sys.argv[0]
            """
        },
    )
    assert job.recorded is not None, job.stderr
    assert job.recorded.value == "mes scripts/entraîner le modèle.py"
    assert dict(job.artifacts) == {"résultat 1.txt": "--möbel=große".encode()}


def test_a_file_that_changes_while_it_is_copied_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "last.ckpt", tmp_path / "result" / "last.ckpt"
    source.write_text("whole")
    before = job_entry.stamp(source)

    def copied_while_written(one: Path, other: Path) -> None:
        one.write_text("")
        other.write_text(one.read_text())

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", copied_while_written)
        assert not job_entry.copy_whole(source, target, before)
    assert list(target.parent.iterdir()) == []
    source.write_text("whole again")
    assert job_entry.copy_whole(source, target, job_entry.stamp(source))
    assert target.read_text() == "whole again"


@pytest.mark.parametrize("moment", random.Random(7).sample(range(100, 2000), 3))
def test_killed_at_any_moment_what_was_kept_is_whole(run: Run, moment: int) -> None:
    """Files hold their own length in front; one that is changed all the time among them."""
    job = run(
        f"""
        import os, signal, threading, time

        def end():
            time.sleep({moment / 1000} + 2.2)
            os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=end).start()
        for number in range(10**6):
            for name in (f"step-{{number % 5}}.ckpt", "last.ckpt"):
                size = 1000 + number % 7919
                with open(name, "w") as file:
                    file.write(f"{{size:08}}")
                    for _ in range(size // 100):
                        file.write("x" * 100)
                    file.write("x" * (size % 100))
            time.sleep(0.7 if number % 5 == 4 else 0)
        """,
        command=["--every=0.2", "train.py"],
    )
    assert job.status == -9
    for name, data in job.artifacts.items():
        if not name.endswith(".part"):
            assert len(data or b"") == 8 + int((data or b"")[:8]), name


def test_other_nodes_have_folders_of_their_own(run: Run) -> None:
    source = "open('loss.txt', 'a').write('0.5')"
    parallel = {"MLRS_LAUNCH_BACKEND": "passthrough"}
    second = run(source, env={**parallel, "SNOWFLAKE_JOB_INDEX": "1"})
    assert dict(second.artifacts) == {"node-1/loss.txt": b"0.5"}
    assert "kept 1 file of the working directory: node-1/loss.txt" in second.stdout
    head = run(source, env={**parallel, "SNOWFLAKE_JOB_INDEX": "0"})
    assert dict(head.artifacts) == {"loss.txt": b"0.5"}


@pytest.mark.parametrize(("backend", "said"), [("", True), ("passthrough", False)])
def test_a_head_that_runs_the_script_alone_says_what_it_cannot_collect(
    run: Run, backend: str, said: bool
) -> None:
    # Set in the script: the launcher would wait for nodes that this machine has not.
    job = run(
        "import os; os.environ['SNOWFLAKE_JOBS_COUNT'] = '3'", env={"MLRS_LAUNCH_BACKEND": backend}
    )
    line = "job_entry: files on the local disks of the other 2 nodes are not kept"
    assert (line in job.stdout) is said


def test_outside_a_job_the_script_runs_where_it_is(tmp_path: Path) -> None:
    import subprocess
    import sys

    shutil.copy(ENTRY, tmp_path)
    (tmp_path / "train.py").write_text("import sys; open('out.txt', 'w').write(sys.argv[1])\n")
    subprocess.run(
        [sys.executable, "job_entry.py", "train.py", "here"], cwd=tmp_path, check=True, timeout=60
    )
    assert (tmp_path / "out.txt").read_text() == "here"
