"""Scripts that build or release a project are no jobs, unless they are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mljob_codemod.errors import ConfigError
from mljob_codemod.rules.build_tools import build_tools, load_build_tools
from tests.conftest import Outcome

Run = Callable[..., Outcome]
GUARDED = "\n\nif __name__ == '__main__':\n    main()\n"


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Callable[..., list[str]]:
    monkeypatch.chdir(tmp_path)

    def found(text: str, *paths: str) -> list[str]:
        Path("tool.py").write_text(text + "\n\n\ndef main():\n    pass" + GUARDED)
        report = json.loads(run("check", "--output-format", "json", *paths).out)
        return [job["script"] for job in report["jobs"]]

    return found


@pytest.mark.parametrize(
    "text",
    [
        "import argparse\nfrom packaging.version import Version",
        "import subprocess\nsubprocess.run(['cmake', '..'])",
        "import subprocess\nsubprocess.run('docker build .', shell=True)",
        "import requests\nimport setuptools",
    ],
)
def test_build_scripts_count_only_when_named(text: str, scripts: Callable[..., list[str]]) -> None:
    assert scripts(text, ".") == []
    assert scripts(text, "tool.py") == ["tool.py"]


@pytest.mark.parametrize(
    "text",
    [
        "import numpy\nfrom packaging.version import Version",
        "import subprocess\nsubprocess.run(['torchrun', 'train.py'])",
        "import subprocess\nimport requests\nsubprocess.run(['git', 'rev-parse', 'HEAD'])",
        "import json\nCOMMAND = 'make'",
        "import local_steps\nimport setuptools",
    ],
)
def test_other_scripts_count(text: str, scripts: Callable[..., list[str]]) -> None:
    Path("local_steps.py").write_text("import numpy\n")
    assert scripts(text, ".") == ["tool.py"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('packages = ["a"]', "neutral: is missing"),
        ('packages = "a"', "packages: must be"),
        ('other = ["a"]', "other: unknown key"),
    ],
)
def test_mistakes_in_the_lists_are_named(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "tools.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        load_build_tools(file)


def test_no_package_says_two_things() -> None:
    tools = build_tools()
    assert tools.packages.isdisjoint(tools.neutral)
