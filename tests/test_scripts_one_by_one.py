"""Scripts of one folder that are converted one after the other come to what all at once come to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome

Run = Callable[..., Outcome]
WRITES = """\
import json


def main():
    with open("{name}.json", "w") as file:
        json.dump(1, file)
    return 1


if __name__ == "__main__":
    main()
"""


def lay_out(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).write_text(text)


def project() -> dict[str, str]:
    """The Python files of the working directory."""
    return {path.name: path.read_text() for path in sorted(Path().glob("*.py"))}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Enter an empty folder of the given name."""

    def enter(name: str) -> None:
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)

    return enter


def assert_order_is_free(
    work: Callable[[str], None], run: Run, files: dict[str, str], scripts: list[str]
) -> dict[str, str]:
    """Convert ``files`` at once, and script by script in both orders: the same text each time."""
    work("at_once")
    lay_out(files)
    assert run("apply").status == 0
    at_once = project()
    for order in (scripts, scripts[::-1]):
        work("_".join(order))
        lay_out(files)
        for script in [*order, *order]:
            assert run("apply", script).status == 0
        assert run("apply", "--check").status == 0
        assert project() == at_once
    return at_once


def test_a_script_converted_later_joins_those_in_submit_job(
    work: Callable[[str], None], run: Run
) -> None:
    files = {"fit.py": WRITES.format(name="fit"), "score.py": WRITES.format(name="score")}
    converted = assert_order_is_free(work, run, files, ["fit.py", "score.py"])
    assert '"fit.py": Job(' in converted["submit_job.py"]
    assert '"score.py": Job(' in converted["submit_job.py"]


def test_a_script_that_is_gone_is_no_longer_submitted(
    work: Callable[[str], None], run: Run
) -> None:
    work("gone")
    lay_out({"fit.py": WRITES.format(name="fit"), "score.py": WRITES.format(name="score")})
    assert run("apply").status == 0
    Path("score.py").unlink()
    assert run("apply", "fit.py").status == 0
    assert "score.py" not in Path("submit_job.py").read_text()


NOTES = """\
{before}

def keep(text):
    with open("{name}.log", "a") as file:
        file.write(text)


def main():
    keep("done")


if __name__ == "__main__":
    main()
"""


def test_what_was_inserted_before_starts_no_processes(
    work: Callable[[str], None], run: Run
) -> None:
    work("again")
    lay_out({"fit.py": NOTES.format(before="import json", name="fit")})
    assert run("apply", "fit.py").status == 0
    text = Path("fit.py").read_text()
    Path("fit.py").write_text(text.replace("    main()", '    keep(open("more.log", "a").name)'))
    assert run("apply", "fit.py").status == 0
    text = Path("fit.py").read_text()
    assert 'scratch_path("more.log")' in text
    assert 'scratch_path("")' not in text


def test_the_scratch_folder_is_made_once_and_below_its_function(
    work: Callable[[str], None], run: Run
) -> None:
    work("processes")
    lay_out({"fit.py": NOTES.format(before="import json", name="fit")})
    assert run("apply", "fit.py").status == 0
    text = Path("fit.py").read_text().replace("import json", "import multiprocessing")
    for name in ("more.log", "most.log"):
        text = text.replace("    main()", f'    keep(open("{name}", "a").name)\n    main()')
        Path("fit.py").write_text(text)
        assert run("apply", "fit.py").status == 0
        text = Path("fit.py").read_text()
        assert text.count('scratch_path("")  #') == 1
        assert text.index("def scratch_path") < text.index('scratch_path("")  #')


SHARED = """\
LOG = "run.log"


def start():
    with open(LOG, "w") as file:
        file.write("start\\n")


def note(text):
    with open("notes.log", "a") as file:
        file.write(text)
"""
CALLS = """\
{before}

def work(text):
    {body}


def main():
    work("done")


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("weak", "strong"),
    [
        ("from shared import start|start()", "from shared import LOG|open(LOG, 'a').write(text)"),
        (
            "from shared import note|note(text)",
            "import multiprocessing\nfrom shared import note|"
            "multiprocessing.Process(target=note, args=(text,)).start()",
        ),
    ],
    ids=["appended to by one", "written by processes of one"],
)
def test_a_shared_place_serves_the_script_that_asks_for_more(
    work: Callable[[str], None], run: Run, weak: str, strong: str
) -> None:
    scripts = {}
    for name, text in (("fit.py", weak), ("score.py", strong)):
        before, _, body = text.partition("|")
        scripts[name] = CALLS.format(before=f"{before}\n", body=body)
    converted = assert_order_is_free(
        work, run, {"shared.py": SHARED, **scripts}, ["fit.py", "score.py"]
    )
    assert "scratch_path(" in converted["shared.py"]


def test_what_another_script_reads_stays_where_it_is(work: Callable[[str], None], run: Run) -> None:
    writes = "from shared import LOG\n|open(LOG, 'w').write(text)"
    reads = "from shared import LOG\n|open('copy.txt', 'w').write(open(LOG).read())"
    scripts = {}
    for name, text in (("make.py", writes), ("use.py", reads)):
        before, _, body = text.partition("|")
        scripts[name] = CALLS.format(before=before, body=body)
    files = {"shared.py": 'LOG = "run.log"\n', **scripts}
    converted = assert_order_is_free(work, run, files, ["make.py", "use.py"])
    assert converted["shared.py"] == files["shared.py"]
    assert 'os.environ.get("MLRS_STAGE_RESULT_PATH", ""), LOG), \'w\')' in converted["make.py"]


def test_a_shared_place_is_found_through_modules_in_between(
    work: Callable[[str], None], run: Run
) -> None:
    files = {
        "shared.py": SHARED,
        "engine.py": "from shared import (\n    LOG,\n    start,\n)\n\n\ndef go():\n    start()\n    open(LOG, 'a').write('go')\n",
        "fit.py": CALLS.format(before="from shared import start\n", body="start()"),
        "score.py": CALLS.format(before="import engine\n", body="engine.go()"),
    }
    converted = assert_order_is_free(work, run, files, ["fit.py", "score.py"])
    assert 'LOG = scratch_path("run.log")' in converted["shared.py"]
