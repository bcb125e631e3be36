"""The example projects of `fixtures/runs/`: converted and run as jobs by one command each.

`run.toml` beside `before/` says how the script is run and what must come of it; fixtures/README.md lists its keys.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from mljob_codemod.cli import main
from tests.fixture_case import FIXTURES
from tests.harness import default_python
from tests.test_environments import make_wheel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = [pytest.mark.launcher, pytest.mark.client]


@dataclass(frozen=True)
class Example:
    """One folder of `fixtures/runs/`, with the defaults of its `run.toml` filled in."""

    folder: Path
    script: str
    args: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    status: str = "DONE"
    result: Any = None
    result_none: bool = False
    error: str = ""
    artifacts: list[str] = field(default_factory=list)
    kept_by_net: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    wheel: str = ""
    needs: str = ""


def load_examples() -> list[Example]:
    found = []
    for file in sorted((FIXTURES / "runs").glob("*/run.toml")):
        found.append(Example(file.parent, **tomllib.loads(file.read_text("utf-8"))))
    return found


def make_package(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only package that installers find: the tests need no network."""
    make_wheel(folder, name, "1.2")
    for variable in ("PIP_FIND_LINKS", "UV_FIND_LINKS"):
        monkeypatch.setenv(variable, str(folder))
    for variable in ("PIP_NO_INDEX", "UV_NO_INDEX"):
        monkeypatch.setenv(variable, "1")


def can_import(package: str) -> bool:
    asked = f"import importlib.util as u, sys; sys.exit(not u.find_spec({package!r}))"
    return subprocess.run([default_python(), "-c", asked]).returncode == 0


def in_place_of(patterns: list[str], names: list[str]) -> list[str]:
    """The patterns, each replaced by the name at its place where that fits."""
    pairs = zip_longest(patterns, names[: len(patterns)], fillvalue="")
    return [name if fnmatchcase(name, pattern) else pattern for pattern, name in pairs]


@pytest.mark.parametrize("example", load_examples(), ids=lambda example: example.folder.name)
def test_example(
    example: Example,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if example.needs and not can_import(example.needs):
        pytest.skip(f"{default_python()} has no {example.needs}")
    shutil.copytree(example.folder / "before", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    if example.wheel:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        make_package(tmp_path_factory.mktemp("wheels"), example.wheel, monkeypatch)
    options = ["--json", "--python", str(default_python()), *example.options]
    status = main(["run", *options, example.script, "--", *example.args])
    captured = capsys.readouterr()
    assert captured.out, captured.err
    outcome = json.loads(captured.out)
    assert outcome["status"] == example.status, captured.err
    assert status == (0 if example.status == "DONE" else 1)
    if example.result is not None or example.result_none:
        assert outcome["result"]["json"] == example.result
    assert example.error in (outcome["error"] or "")
    assert bool(example.error) == bool(outcome["error"])
    by_net = [each["path"] for each in outcome["artifacts"] if each["net"]]
    assert by_net == in_place_of(example.kept_by_net, by_net)
    mapped = [each["path"] for each in outcome["artifacts"] if not each["net"]]
    assert mapped == in_place_of(sorted(example.artifacts), mapped)
    assert all(each["size"] for each in outcome["artifacts"])
    assert [each["path"] for each in outcome["lost"]] == example.lost
    assert outcome["hosts_asked"] == example.hosts
    assert outcome["refused"] == []
    assert [text for text in example.says if text not in captured.err] == []
    assert [text for text in example.log if text not in outcome["log"]] == []
