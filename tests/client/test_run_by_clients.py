"""`mljob-codemod run` with the oldest and the newest client: the same outcome from both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mljob_codemod.cli import main

pytestmark = [pytest.mark.client, pytest.mark.slow]

SCRIPT = """
import argparse
import os
from dataclasses import dataclass

from snowflake.snowpark import Session

import helper


@dataclass
class Score:
    value: float


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output-dir", default="out")
    parser.add_argument("--script", default="")
    parser.add_argument("--fail", action="store_true")
    args = parser.parse_args()
    os.makedirs(args.output_dir, exist_ok=True)
    with open(os.path.join(args.output_dir, "model.txt"), "w") as file:
        file.write(helper.TEXT)
    session = Session.builder.getOrCreate()
    rows = session.create_dataframe([[1], [2]], schema=["a"]).count()
    if args.fail:
        raise ValueError(f"no data in {rows} rows")
    print("script", args.script)
    return Score(int(rows) / 4)


if __name__ == "__main__":
    main()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(SCRIPT)
    Path("helper.py").write_text("TEXT = 'model'\n")
    return tmp_path


def run(
    client_python: Path, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, dict[str, Any], str]:
    options = ["--json", "--no-install", "--python", str(client_python)]
    status = main(["run", *options, "train.py", *arguments])
    captured = capsys.readouterr()
    return status, json.loads(captured.out), captured.err


def test_value_artifacts_and_arguments(
    client_python: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, outcome, errors = run(client_python, capsys, "--", "--script", "x")
    assert status == 0, errors
    # The class is the script's own: the client has it by value.
    assert outcome["result"] == {"type": "Score", "shown": "Score(value=0.5)"}
    assert [(each["path"], each["size"]) for each in outcome["artifacts"]] == [("out/model.txt", 5)]
    assert outcome["lost"] == outcome["refused"] == []
    assert "script x" in errors


def test_failure(client_python: Path, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, outcome, _ = run(client_python, capsys, "--", "--fail")
    assert status == 1
    assert (outcome["status"], outcome["exit_status"]) == ("FAILED", 1)
    lines = outcome["error"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: no data in 2 rows"
    assert '  File "train.py", line 34, in <module>' in lines
    assert not any("runpy" in line for line in lines)
    assert [each["path"] for each in outcome["artifacts"]] == ["out/model.txt"]
