"""The harness against the measured facts about the launcher and about stage mounts.

Scripts are written out in full, so that each test shows what a user's file would look like.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mljob_codemod.runtime.comparison import compare, normalise
from tests.harness import (
    Changes,
    JobOutcome,
    Outcome,
    check_job,
    compare_outside,
    default_python,
    job_problems,
    run_inside,
    run_outside,
    stage_mount_guard,
)
from tests.harness.inside import JobServer
from tests.harness.stage_mount import Guard

Write = Callable[..., Path]

MAIN = "def main():\n    return {'acc': 0.9}\n\n"
GUARD = "if __name__ == '__main__':\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a project: `write("a", {"train.py": source})` or `write("a", source)`."""

    def write_project(name: str, files: dict[str, str] | str) -> Path:
        project = tmp_path / name
        for path, text in ({"train.py": files} if isinstance(files, str) else files).items():
            target = project / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(textwrap.dedent(text), encoding="utf-8")
        return project

    return write_project


@pytest.fixture
def job(write: Write) -> Callable[..., JobOutcome]:
    def run_job(source: dict[str, str] | str, *args: str, **options: Any) -> JobOutcome:
        return run_inside(
            write("project", source), options.pop("script", "train.py"), args, **options
        )

    return run_job


Job = Callable[..., JobOutcome]

pytestmark = pytest.mark.launcher


# What the launcher records


@pytest.mark.parametrize(
    ("source", "status", "value"),
    [
        pytest.param(MAIN + GUARD + "    main()\n", 0, None, id="bare_call"),
        pytest.param(MAIN + GUARD + "    __return__ = main()\n", 0, {"acc": 0.9}, id="assigned"),
        pytest.param(
            "import sys\n" + MAIN + GUARD + "    sys.exit(main())\n", 1, None, id="exit_with_a_dict"
        ),
        pytest.param(
            "import sys\n" + MAIN + GUARD + "    __return__ = main()\n    sys.exit(0)\n",
            0,
            None,
            id="assigned_then_exit_zero",
        ),
        pytest.param(
            "import click\n@click.command()\ndef main():\n    return 3\n__return__ = main()\n",
            0,
            None,
            id="click_standalone",
        ),
        pytest.param(
            "import click\n@click.command()\ndef main():\n    return 3\n"
            "__return__ = main(standalone_mode=False)\n",
            0,
            3,
            id="click_not_standalone",
        ),
        pytest.param(
            "def main():\n    global __return__\n    __return__ = 5\nmain()\n", 0, 5, id="global"
        ),
        pytest.param("import sys\nsys.exit(1)\n", 1, None, id="exit_one"),
        pytest.param("__return__ = (1, 2)\n", 0, [1, 2], id="tuples_become_lists"),
        pytest.param("__return__ = {1: 'a'}\n", 0, {"1": "a"}, id="integer_keys_become_strings"),
    ],
)
def test_recorded_value(job: Job, source: str, status: int, value: object) -> None:
    outcome = job(source)
    assert outcome.status == status
    assert outcome.recorded is not None
    assert outcome.recorded.value == value
    assert outcome.recorded.protocol is None


def test_value_that_cannot_be_pickled_leaves_an_error_for_the_client(job: Job) -> None:
    outcome = job("import threading\n__return__ = threading.Lock()\n")
    assert outcome.status == 0
    assert outcome.recorded is not None
    assert outcome.recorded.success
    assert "serialization failed" in (outcome.recorded.error or "")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        pytest.param(
            "import dataclasses\n@dataclasses.dataclass\nclass Result:\n    loss: int\n"
            "__return__ = Result(3)\n",
            "Result(loss=3)",
            id="dataclass_of_the_script",
        ),
        pytest.param(
            "import numpy\n__return__ = numpy.float32(3)\n", "np.float32(3.0)", id="numpy"
        ),
    ],
)
def test_pickled_values_are_shown_as_the_client_loads_them(
    job: Job, source: str, shown: str
) -> None:
    outcome = job(source)
    assert outcome.recorded is not None
    assert outcome.recorded.protocol
    assert outcome.recorded.value == shown
    assert outcome.artifacts == {}


def test_damaged_result_is_an_error_of_the_client_and_does_not_stop_the_server(job: Job) -> None:
    source = """
        import atexit, os, pathlib
        folder = pathlib.Path(os.environ["MLRS_STAGE_RESULT_PATH"])
        atexit.register(lambda: (folder / os.environ["MLRS_RESULT_PATH"]).write_text("{"))
    """
    for _ in range(2):
        outcome = job(source)
        assert outcome.status == 0
        assert outcome.recorded is not None
        assert "JSONDecodeError" in (outcome.recorded.error or "")


def test_exception_fails_the_job_and_is_recorded(job: Job) -> None:
    outcome = job("raise ValueError('no data')\n")
    assert outcome.status == 1
    assert outcome.recorded is not None
    assert not outcome.recorded.success
    assert outcome.recorded.value == "ValueError('no data')"
    assert "ValueError: no data" in outcome.stderr


# Arguments, sessions, imports


ARGUMENTS = "import sys\n__return__ = sys.argv[1:]\n"


@pytest.mark.parametrize(
    ("args", "arriving"),
    [
        pytest.param(["--out", "$MLRS_STAGE_RESULT_PATH/x"], None, id="not_expanded"),
        pytest.param(["--seed", "1", "-f", "2"], None, id="passed_through"),
        pytest.param(["--f", "3", "x"], "fails", id="prefix_of_function_args"),
        pytest.param(["--", "--script", "x", "-h", "p"], ["--script", "x", "-h", "p"], id="dashes"),
    ],
)
def test_script_arguments(job: Job, args: list[str], arriving: Any) -> None:
    outcome = job(ARGUMENTS, *args)
    if arriving == "fails":
        assert outcome.status == 1
        assert "Only one of function_args and script_args" in outcome.stderr
    else:
        assert outcome.recorded is not None
        assert outcome.recorded.value == (args if arriving is None else arriving)


def test_help_option_ends_well_without_running_the_script(job: Job) -> None:
    outcome = job(ARGUMENTS, "-h")
    assert outcome.status == 0
    assert outcome.recorded is None
    assert "Launch a Python script" in outcome.stdout


def test_get_or_create_finds_the_session_of_the_launcher(job: Job) -> None:
    outcome = job(
        """
        from snowflake.snowpark import Session
        from snowflake.snowpark.context import get_active_session
        __return__ = Session.builder.getOrCreate() is get_active_session()
        """
    )
    assert outcome.recorded is not None
    assert outcome.recorded.value is True


def test_second_session_breaks_the_search_for_the_active_one(job: Job) -> None:
    outcome = job(
        """
        from snowflake.snowpark import Session
        Session.builder.configs({"local_testing": True}).create()
        Session.builder.getOrCreate()
        """
    )
    assert outcome.status == 1
    assert "More than one active session" in outcome.stderr


NESTED = {
    "scripts/train.py": "import nearby\n__return__ = nearby.X\n",
    "scripts/nearby.py": "X = 1\n",
}


def test_module_beside_a_script_below_the_root_is_not_found(job: Job) -> None:
    outcome = job(NESTED, script="scripts/train.py")
    assert "No module named 'nearby'" in outcome.stderr
    assert outcome.status == 1


def test_module_beside_a_script_in_the_root_is_found(job: Job) -> None:
    outcome = job(NESTED, script="scripts/train.py", root="scripts")
    assert job_problems(outcome, 1, []) == []


def test_submit_file_leaves_other_modules_behind(job: Job) -> None:
    outcome = job(NESTED, script="scripts/train.py", method="submit_file")
    assert "No module named 'nearby'" in outcome.stderr


def test_environment_file_stops_the_job(job: Job) -> None:
    outcome = job({"train.py": MAIN, "environment.yml": "name: x\n"})
    assert outcome.status == 1
    assert outcome.recorded is None
    scripts = JobServer.of(default_python()).launcher_scripts
    assert f'echo "{outcome.stdout.strip()}"' in (scripts / "startup.sh").read_text("utf-8")


def test_working_directory_and_environment_are_those_of_startup_sh(job: Job) -> None:
    outcome = job(
        """
        import os, sys, tempfile
        __return__ = {
            "cwd": os.getcwd() == os.path.join(os.environ["MLRS_STAGE_MOUNT_PATH"], "app"),
            "first": sys.path[0] == os.getcwd(),
            "system": os.path.basename(sys.path[1]),
            "result": os.path.isdir(os.environ["MLRS_STAGE_RESULT_PATH"]),
            "temporary": tempfile.gettempdir() == os.environ["TMPDIR"],
            "given": os.environ["WANDB_MODE"],
            "stdin": input(),
        }
        """,
        env={"WANDB_MODE": "offline"},
        stdin="typed\n",
    )
    assert outcome.recorded is not None
    assert outcome.recorded.value == {
        "cwd": True,
        "first": True,
        "system": "system",
        "result": True,
        "temporary": True,
        "given": "offline",
        "stdin": "typed",
    }


def test_forked_process_is_like_a_fresh_one(job: Job) -> None:
    source = """
        import atexit, multiprocessing, os, sys, threading, time
        from pathlib import Path

        RESULTS = Path(os.environ["MLRS_STAGE_RESULT_PATH"])

        def child(name):
            (RESULTS / name).write_text(name)

        def late():
            time.sleep(0.2)
            print("thread")

        if __name__ == "__main__":
            for method in ("fork", "spawn"):
                worker = multiprocessing.get_context(method).Process(target=child, args=(method,))
                worker.start()
                worker.join()
            atexit.register(print, "atexit")
            threading.Thread(target=late).start()
            print(sys.argv[0].endswith("train.py"), __file__.endswith("train.py"), random_modules())
            sys.exit(7)
    """.replace("random_modules()", "[m for m in ('click', 'sklearn') if m in sys.modules]")
    forked, fresh = job(source), job(source, fresh=True)
    assert forked.status == fresh.status == 7
    assert forked.stdout == fresh.stdout
    assert forked.stdout.endswith("True True []\nthread\natexit\n")
    assert forked.artifacts == fresh.artifacts == {"fork": b"fork", "spawn": b"spawn"}


def test_module_named_like_one_of_the_client_shadows_it_in_a_fresh_process(job: Job) -> None:
    files = {
        "train.py": "__return__ = 1\n",
        "requests.py": "raise OSError('the payload came first')\n",
    }
    assert "the payload came first" in job(files, fresh=True).stderr


def test_jobs_do_not_see_each_other(job: Job) -> None:
    job("import colorsys, os\nos.environ['LEFT'] = '1'\ncolorsys.left = 1\n")
    outcome = job(
        "import colorsys, os\n__return__ = ['LEFT' in os.environ, hasattr(colorsys, 'left')]\n"
    )
    assert outcome.recorded is not None
    assert outcome.recorded.value == [False, False]


# What stage mounts refuse and take

WRITER = """
    import os, sys
    os.chdir(os.environ["MLRS_STAGE_RESULT_PATH"])
    def write_in_order():
        with open("old", "w") as stream:
            stream.write("x" * 100_000)
    write_in_order()
    {statement}
"""

needs_library = pytest.mark.skipif(
    stage_mount_guard().library is None, reason=stage_mount_guard().description
)


@needs_library
@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("open('log', 'a')", id="open_append"),
        pytest.param("import logging; logging.FileHandler('log')", id="logging_file_handler"),
        pytest.param(
            "import logging; logging.basicConfig(filename='log', force=True)", id="basic_config"
        ),
        pytest.param("import shelve; s = shelve.open('s'); s['a'] = 1; s.close()", id="shelve"),
        pytest.param("os.open('log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)", id="os_open_append"),
        pytest.param("f = open('old', 'r+'); f.write('y'); f.close()", id="overwrite"),
        pytest.param("f = open('n', 'wb'); f.seek(9); f.write(b'y'); f.close()", id="hole"),
        pytest.param("os.pwrite(os.open('old', os.O_RDWR), b'y', 5)", id="pwrite"),
        pytest.param("os.writev(os.open('old', os.O_RDWR), [b'y'])", id="writev"),
        pytest.param("open('old', 'r+').truncate(5)", id="ftruncate"),
        pytest.param("import numpy; numpy.savez('a.npz', a=[1])", id="numpy_savez"),
        pytest.param(
            "import zipfile; zipfile.ZipFile('a.zip', 'w').writestr('a', 'b')", id="zipfile"
        ),
        pytest.param(
            "import shutil; os.mkdir('d'); os.rename('old', 'd/x'); shutil.make_archive('a', 'zip', 'd')",
            id="archive",
        ),
        pytest.param(
            "import pandas; pandas.DataFrame({'a': [1]}).to_csv('a.zip')", id="pandas_csv_zip"
        ),
        pytest.param(
            "import sqlite3; c = sqlite3.connect('a.db'); c.execute('create table t(a)'); c.commit()",
            id="sqlite",
        ),
        pytest.param(
            "import numpy; numpy.memmap('m', dtype='f4', mode='w+', shape=9)", id="numpy_memmap"
        ),
        pytest.param(
            "import mmap; f = open('old', 'r+b'); mmap.mmap(f.fileno(), 0)", id="shared_mmap"
        ),
        pytest.param(
            "import numpy; f = open('old', 'r+b'); numpy.arange(3).tofile(f); f.close()",
            id="fwrite_before_the_end",
        ),
        pytest.param(
            "import subprocess; subprocess.run('echo x >> log', shell=True, check=True)",
            id="child_process",
        ),
        pytest.param(
            "open(os.path.expandvars('$MLRS_STAGE_MOUNT_PATH/app/log'), 'a')", id="payload"
        ),
        pytest.param(
            "l = os.path.expandvars('$TMPDIR/l'); os.symlink(os.getcwd(), l); open(l + '/log', 'a')",
            id="through_a_link",
        ),
    ],
)
def test_mount_refuses(job: Job, statement: str) -> None:
    outcome = job(WRITER.format(statement=statement))
    assert outcome.status == 1
    assert any(
        text in outcome.stderr
        for text in (
            "Operation not supported",
            "disk I/O error",
            "returned non-zero",
            "requested and",
        )
    ), outcome.stderr
    assert "log" not in outcome.artifacts


@pytest.mark.parametrize(
    ("statement", "artifact"),
    [
        pytest.param("import numpy; numpy.save('a.npy', [1])", "a.npy", id="numpy_save"),
        pytest.param("import numpy; numpy.savetxt('a', [1])", "a", id="numpy_savetxt"),
        pytest.param("import numpy; numpy.arange(9).tofile('a')", "a", id="numpy_tofile"),
        pytest.param("import json; json.dump([1], open('a', 'w'))", "a", id="json"),
        pytest.param("import pickle; pickle.dump([1], open('a', 'wb'))", "a", id="pickle"),
        pytest.param("import joblib; joblib.dump([1], 'a', compress=3)", "a", id="joblib"),
        pytest.param("import csv; csv.writer(open('a', 'w')).writerow([1])", "a", id="csv"),
        pytest.param("import shutil; shutil.copy('old', 'a')", "a", id="shutil_copy"),
        pytest.param("import pathlib; pathlib.Path('a').write_text('x')", "a", id="write_text"),
        pytest.param(
            "import pandas; pandas.DataFrame({'a': [1]}).to_csv('a.csv.gz')",
            "a.csv.gz",
            id="pandas",
        ),
        pytest.param(
            "import matplotlib.pyplot as plt; plt.plot([1]); plt.savefig('a.png')",
            "a.png",
            id="matplotlib_png_opened_read_write",
        ),
        pytest.param(
            "import logging; logging.root.addHandler(logging.FileHandler('a', 'w')); "
            "logging.warning('x')",
            "a",
            id="log_from_the_start",
        ),
        pytest.param(
            "import tarfile; t = tarfile.open('a', 'w:gz'); t.add('old'); t.close()", "a", id="tar"
        ),
        pytest.param(
            "f = open('old', 'r+'); f.read(); f.write('z'); f.close()", "old", id="write_at_the_end"
        ),
        pytest.param("os.replace('old', 'a')", "a", id="rename"),
        pytest.param(
            "print(open('old', 'r+b').read(1)); open('old', 'w').write('short')",
            "old",
            id="read_write_and_truncating_opens",
        ),
        pytest.param(
            "open(os.path.expandvars('$TMPDIR/log'), 'a').write('x')", "old", id="append_elsewhere"
        ),
    ],
)
def test_mount_takes(job: Job, statement: str, artifact: str) -> None:
    outcome = job(WRITER.format(statement=statement))
    assert outcome.status == 0, outcome.stderr
    assert outcome.artifacts[artifact]
    assert outcome.elsewhere == {}


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("open('log', 'a')", id="append"),
        pytest.param("os.open('log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)", id="os_open_append"),
        pytest.param("f = open('old', 'r+'); f.write('y'); f.close()", id="overwrite"),
        pytest.param("f = open('n', 'wb'); f.seek(9); f.write(b'y'); f.close()", id="hole"),
        pytest.param("open('old', 'r+').truncate(5)", id="ftruncate"),
        pytest.param("os.truncate('old', 5)", id="truncate"),
        pytest.param("import numpy; numpy.savez('a.npz', a=[1])", id="numpy_savez"),
        pytest.param(
            "import mmap; f = open('old', 'r+b'); mmap.mmap(f.fileno(), 0)", id="shared_mmap"
        ),
        pytest.param("import sqlite3; sqlite3.connect('a.db')", id="sqlite"),
    ],
)
def test_without_a_compiler_python_itself_refuses(
    job: Job, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    monkeypatch.setattr("tests.harness.inside.stage_mount_guard", lambda: Guard(None))
    refused = job(WRITER.format(statement=statement))
    assert refused.status == 1
    assert "Operation not supported" in refused.stderr


def test_without_a_compiler_writing_in_order_works(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.harness.inside.stage_mount_guard", lambda: Guard(None))
    statement = (
        "import json, numpy, pathlib, shutil; json.dump([1], open('a', 'w')); numpy.save('b', [1]); "
        "pathlib.Path('c').write_bytes(b'x'); f = open('d', 'w+', encoding='ascii'); "
        "f.write('ab'); f.seek(0); assert f.read() == 'ab'; f.close(); shutil.copy('old', 'e'); "
        "f = open('g', 'wb', 0); f.write(b'x'); assert f.name == 'g'; open('/dev/null', 'a')"
    )
    outcome = job(WRITER.format(statement=statement))
    assert outcome.status == 0, outcome.stderr
    assert set(outcome.artifacts) == {"old", "a", "b.npy", "c", "d", "e", "g"}


def test_basic_config_does_nothing_because_the_launcher_has_configured_logging(job: Job) -> None:
    outcome = job("import logging\nlogging.basicConfig(filename='log')\nlogging.warning('here')\n")
    assert outcome.elsewhere == {}
    assert " - WARNING - here" in outcome.stderr


# What a job leaves where

SCRATCH = """
    import atexit, os, shutil, sqlite3, sys, tempfile

    scratch = tempfile.mkdtemp()

    def deliver():
        shutil.copy(os.path.join(scratch, "a.db"), os.environ["MLRS_STAGE_RESULT_PATH"])

    atexit.register(deliver)
    connection = sqlite3.connect(os.path.join(scratch, "a.db"))
    connection.execute("create table t(a)")
    connection.commit()
    {end}
"""


@pytest.mark.parametrize(
    ("end", "status"), [("", 0), ("sys.exit(0)", 0), ("sys.exit(3)", 3), ("raise OSError", 1)]
)
def test_scratch_folder_copied_at_exit_arrives(job: Job, end: str, status: int) -> None:
    outcome = job(SCRATCH.format(end=end))
    assert outcome.status == status
    assert outcome.artifacts["a.db"].startswith(b"SQLite format 3")
    assert [name.split("/")[-1] for name in outcome.temporary] == ["", "a.db"]


def test_files_elsewhere_are_reported(job: Job) -> None:
    outcome = job(
        {
            "train.py": """
            import os, pathlib
            pathlib.Path("model.bin").write_text("x")
            pathlib.Path("empty").mkdir()
            pathlib.Path("data.csv").write_text("changed")
            os.remove("old.csv")
            pathlib.Path("~/home.txt").expanduser().write_text("x")
            pathlib.Path("~/.cache/lib").expanduser().mkdir(parents=True)
            pathlib.Path("../beside").write_text("x")
            """,
            "data.csv": "a",
            "old.csv": "a",
        }
    )
    assert sorted(outcome.elsewhere) == [
        "deleted payload/old.csv",
        "home/home.txt",
        "mount/beside",
        "payload/data.csv",
        "payload/empty/",
        "payload/model.bin",
    ]
    assert "writes payload/model.bin outside the result path" in job_problems(outcome, None, [])


def test_job_that_runs_too_long_is_ended(job: Job) -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="before the end"):
        job("import time\nprint('before the end', flush=True)\ntime.sleep(60)\n", timeout=1)
    assert time.monotonic() - started < 20
    assert job("__return__ = 1\n").recorded is not None


# Outside a job


def test_run_outside_sees_no_job_and_reports_everything(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLRS_STAGE_RESULT_PATH", "/job")
    project = write(
        "project",
        {
            "train.py": """
            import os, pathlib, sys
            print("MLRS_STAGE_RESULT_PATH" in os.environ, sys.argv[1:], input())
            print(os.getcwd(), file=sys.stderr)
            pathlib.Path("out").mkdir()
            pathlib.Path("out/m").write_text("1")
            pathlib.Path("~/x").expanduser().write_text("2")
            os.remove("data.csv")
            sys.exit(4)
            """,
            "data.csv": "a",
        },
    )
    outcome = run_outside(project, "train.py", ["--a"], stdin="line\n")
    assert outcome == Outcome(
        "False ['--a'] line\n",
        "<base>/project\n",
        4,
        Changes({"out/": None, "out/m": b"1", "~/x": b"2"}, frozenset({"data.csv"})),
    )
    assert (project / "data.csv").exists()


def test_run_outside_ends_a_script_that_runs_too_long(write: Write) -> None:
    with pytest.raises(TimeoutError):
        run_outside(write("p", "import time\ntime.sleep(60)\n"), "train.py", timeout=0.5)


def test_shifted_lines_are_no_difference(write: Write) -> None:
    body = """
        import logging, sys, warnings
        def fail(path):
            warnings.warn("old", DeprecationWarning)
            raise ValueError(len(path))
        logging.basicConfig(format="%(filename)s:%(lineno)d %(message)s", stream=sys.stdout)
        logging.warning("here")
        print(fail)
        fail("abc")
    """
    shifted = body.replace("import logging", "import os\n        import logging").replace(
        'fail("abc")', 'fail("ab" + "c")'
    )
    found = compare_outside(write("before", body), write("after", shifted), "train.py")
    assert found.differences == []
    assert found.unstable == []


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ("print(1)", "print(2)", "stdout differs"),
        ("", "raise SystemExit(2)", "exit status: 0 before, 2 after"),
        ("raise ValueError(1)", "raise ValueError(2)", "stderr differs"),
        ("open('a', 'w')", "", "no longer writes a"),
        ("", "import os; os.mkdir('a')", "newly writes a/"),
        ("", "import os; os.remove('data.csv')", "newly deletes data.csv"),
        (
            "open('a', 'w').write('1')",
            "open('a', 'w').write('22')",
            "contents of a: 1 bytes before, 2",
        ),
        ("open('a', 'w')", "open('b', 'w')", "no longer writes a"),
        ("", "open(__import__('os').path.expanduser('~/a'), 'w')", "newly writes ~/a"),
    ],
)
def test_differences_are_found(write: Write, before: str, after: str, difference: str) -> None:
    old = write("before", {"train.py": before, "data.csv": "a"})
    new = write("after", {"train.py": after, "data.csv": "a"})
    found = compare_outside(old, new, "train.py")
    assert any(text.startswith(difference) for text in found.differences), found


def test_what_the_original_does_not_repeat_is_compared_for_presence(write: Write) -> None:
    source = """
        import os, tempfile, time, uuid
        tempfile.mkdtemp()
        open(f"run-{uuid.uuid4().hex}", "w")
        open(f"trial-{uuid.uuid4()}", "w")
        open("noise", "wb").write(os.urandom(9))
        open("steady", "w").write("same")
        print("took", time.time(), "s")
    """
    same = compare_outside(write("before", source), write("after", source), "train.py")
    assert same.differences == []
    assert same.unstable == [
        "stdout: numbers",
        "names of files: numbers and temporary names",
        "contents of noise",
    ]
    changed = source.replace("took", "used").replace("same", "else")
    found = compare_outside(write("b2", source), write("a2", changed), "train.py")
    assert [text.splitlines()[0] for text in found.differences] == [
        "stdout differs:",
        "contents of steady: 4 bytes before, 4 after",
    ]


def test_original_runs_again_only_when_something_differs() -> None:
    def run(text: str) -> Outcome:
        return Outcome(text, "", 0, Changes({}, frozenset()))

    def never() -> Outcome:
        raise AssertionError("ran again")

    assert compare(run("a"), run("a"), never).differences == []
    with pytest.raises(AssertionError, match="ran again"):
        compare(run("a"), run("b"), never)


def test_normalising_keeps_messages_and_names() -> None:
    text = textwrap.dedent(
        """\
        Traceback (most recent call last):
          File "/x/train.py", line 12, in main
            run(a,
                ^^
          [Previous line repeated 9 more times]
        ValueError: line 3 of train.csv: 12
        /x/train.py:7: UserWarning: slow
          warnings.warn("slow")
        """
    )
    assert normalise(text).splitlines() == [
        "Traceback (most recent call last):",
        '  File "/x/train.py", line N, in main',
        "  [Previous line repeated 9 more times]",
        "ValueError: line 3 of train.csv: 12",
        "/x/train.py:N: UserWarning: slow",
    ]


# Both together

BEFORE = """
    import os

    def main():
        os.makedirs("out", exist_ok=True)
        with open("out/metrics.txt", "w") as stream:
            stream.write("0.9")
        return {"acc": 0.9}

    if __name__ == "__main__":
        main()
"""
MAPPED = 'os.path.join(os.environ.get("MLRS_STAGE_RESULT_PATH", ""), '
AFTER = (
    BEFORE.replace('makedirs("out"', f'makedirs({MAPPED}"out")')
    .replace('open("out/metrics.txt"', f'open({MAPPED}"out/metrics.txt")')
    .replace("        main()\n", "        __return__ = main()\n")
)


def check(write: Write, after: str) -> list[str]:
    return check_job(
        write("before", BEFORE),
        write("after", after),
        "train.py",
        result={"acc": 0.9},
        artifacts={"out/metrics.txt"},
    )


def test_good_conversion_has_no_problems(write: Write) -> None:
    assert check(write, AFTER) == []


def test_no_conversion_loses_value_and_artifact(write: Write) -> None:
    assert check(write, BEFORE) == [
        "inside: records None, not {'acc': 0.9}",
        "inside: no artifact out/metrics.txt; there are []",
        "inside: writes payload/out/ outside the result path",
        "inside: writes payload/out/metrics.txt outside the result path",
    ]


def test_conversion_that_changes_the_script_at_home_is_found(write: Write) -> None:
    assert check(write, AFTER.replace('"out/metrics.txt"', '"out/m.txt"')) == [
        "outside: no longer writes out/metrics.txt",
        "outside: newly writes out/m.txt",
        "inside: no artifact out/metrics.txt; there are ['out/m.txt']",
        "inside: artifact out/m.txt",
    ]
