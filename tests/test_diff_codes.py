"""Each hunk of a diff names the rules behind its own changes, not those of the whole file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome

SCRIPT = """\
import json
# The modules below stand apart
# from the one above,
# by more lines
# than a hunk
# shows around
# what changes.
import sys

import click


@click.command()
@click.option("--epochs", default=2)
def main(epochs):
    for name in ("loss", "accuracy"):
        with open(f"{name}.json", "w") as file:
            json.dump([epochs], file)
    with open("summary.json", "w") as file:
        json.dump({}, file)
    total = 0
    for epoch in range(epochs):
        total += epoch
    print(total)
    print("done")
    return {"epochs": epochs, "python": sys.version}


if __name__ == "__main__":
    main()
"""


def test_an_import_and_a_helper_are_traced_to_what_needs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Outcome]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(SCRIPT)
    diff = run("apply", "--diff", "train.py").out.partition("--- /dev/null")[0]
    hunks = re.split(r"^@@ .* @@ ", diff, flags=re.MULTILINE)[1:]
    codes = {}
    for hunk in hunks:
        header, _, lines = hunk.partition("\n")
        for line in re.findall(r"^\+(.*\S.*)$", lines, re.MULTILINE):
            codes[line] = header
    assert codes["import os"] == "MLJ102, MLJ202"
    assert codes["def result_path(path):"] == "MLJ202"
    (call,) = [line for line in codes if "__return__" in line]
    assert codes[call] == "MLJ102"
