"""``apply --remote``: what the decorator and a job ask of a function, told with the line and the remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome

Run = Callable[..., Outcome]
GUARD = "\n\nif __name__ == '__main__':\n    fit(1)\n"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def fitt(x):\n    return x\n", "train.py: has no function fit; did you mean fitt?"),
        ("X = 1\n", "train.py: has no function fit; it has none"),
        ("class fit:\n    pass\n", "train.py:1: fit is a class: name a function that makes one"),
        (
            "class Model:\n    def fit(self, x):\n        return x\n",
            "train.py:2: fit is defined inside of something else: move it to the top of the file",
        ),
        (
            "from lib import fit\n",
            "train.py:1: fit is imported from lib: name the file that defines",
        ),
        ("async def fit(x):\n    return x\n", "train.py:1: fit is asynchronous"),
        ("def fit(x):\n    yield x\n", "train.py:1: fit is a generator, which cannot be a result"),
        ("def fit(x, *rest):\n    return x\n", "train.py:1: *rest: the decorator takes named"),
        ("def fit(\n    x,\n    **rest,\n):\n    return x\n", "train.py:3: **rest: the decorator"),
        ("def fit(x, /):\n    return x\n", "train.py:1: x is positional only"),
        (
            "import click\n\n@click.command()\ndef fit(x):\n    return x\n",
            "train.py:3: fit is made into something else by click",
        ),
        (
            "import click\nfrom lib import cli\n\n@cli.command()\ndef fit(x):\n    return x\n",
            "train.py:4: fit is made into something else by click",
        ),
        (
            "from hydra import main\n\n@main(config_name='c')\ndef fit(x):\n    return x\n",
            "train.py:3: fit is made into something else by hydra",
        ),
        (
            "from snowflake.snowpark import DataFrame\n\ndef fit(x: 'DataFrame'):\n    return x\n",
            "train.py:3: x is a data frame of a session, which does not travel: take a table's name",
        ),
        (
            "import pandas as pd\n\nframe = pd.read_csv('a.csv')\n\ndef fit(x):\n    return x\n\n\n"
            "frame.to_csv('b.csv')\n",
            "train.py:9: this runs whenever the file is imported",
        ),
        (
            "def fit(x):\n    return x\n\nfit(3)\n",
            "train.py:4: this runs whenever the file is imported",
        ),
        (
            "def fit(x):\n    return x\n\nif True:\n    for i in range(3):\n        fit(i)\n",
            "train.py:5: this runs whenever the file is imported",
        ),
    ],
)
def test_what_no_job_can_call_is_refused_with_the_line(run: Run, text: str, message: str) -> None:
    Path("train.py").write_text(text)
    outcome = run("apply", "train.py", "--remote", "fit")
    assert outcome.status == 2
    assert outcome.err.startswith(f"error: {message}")
    assert list(Path().iterdir()) == [Path("train.py")]


def test_settings_of_libraries_a_plain_module_and_inner_generators_are_fine(run: Run) -> None:
    Path("library.py").write_text(
        "import functools\nimport warnings\n\nwarnings.filterwarnings('ignore')\n\n\n"
        "@functools.lru_cache\ndef fit(x, y=2):\n    def rows():\n        yield x\n\n    return sum(rows()) + y\n"
    )
    outcome = run("apply", "library.py", "--remote", "fit", "--output-format", "json")
    assert outcome.status == 0, outcome.err
    (job,) = json.loads(outcome.out)["jobs"]
    assert job["method"] == "remote"
    assert job["remote"] == {
        "name": "fit",
        "line": 8,
        "module": "library",
        "imports": [["library.py", "library"]],
        "parameters": [["x", True], ["y", False]],
        "session": None,
    }
    assert {path.name for path in Path().iterdir()} == {"library.py", "submit_fit.py"}
    assert run("apply", "library.py", "--remote", "fit").out == "Nothing to change.\n"
    assert "submit_fit.py" not in run("check", "--show-settings").out


def test_a_function_in_a_package_is_imported_by_its_whole_name(run: Run) -> None:
    package = Path("src", "team", "models")
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "base.py").write_text("VALUE = 3\n")
    (package / "train.py").write_text(
        f"from .base import VALUE\n\n\ndef fit(x):\n    return x + VALUE\n{GUARD}"
    )
    outcome = run("apply", "src/team/models/train.py", "--remote", "fit")
    assert outcome.status == 0, outcome.err
    text = (package / "submit_fit.py").read_text()
    assert 'import_module("team.models.train").fit(' in text
    assert '        imports=[\n            (HERE.parent, "team"),\n        ],\n' in text


def test_files_that_the_script_reads_are_said_to_be_missing_in_the_job(run: Run) -> None:
    Path("data.csv").write_text("a\n1\n")
    Path("train.py").write_text(
        f"import pandas as pd\n\n\ndef fit(x):\n    return len(pd.read_csv('data.csv')) + x\n{GUARD}"
    )
    outcome = run("apply", "train.py", "--remote", "fit")
    assert "train.py:5: reads data.csv, which the job of a function does not get" in outcome.out


@pytest.mark.parametrize("paths", [[], ["."], ["train.py", "train.py"]])
def test_one_file_is_named(run: Run, paths: list[str]) -> None:
    Path("train.py").write_text(f"def fit(x):\n    return x\n{GUARD}")
    outcome = run("apply", *paths, "--remote", "fit")
    assert outcome.status == 2
    assert "--remote takes one file" in outcome.err
