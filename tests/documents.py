"""The examples in README.md and docs/: blocks of commands with the output that they really have.

A ``console`` block that shows output runs in a folder of its own: a copy of examples/churn, unless it begins
with ``$ cat FILE``, whose output then is what the file holds. A ``diff`` block is what ``apply --diff`` makes of
train.py in examples/churn. ``python -m tests.documents`` writes all of them anew.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
WITH_EXAMPLES = [path for path in DOCUMENTS if path.name != "tutorial.md"]
"""Those whose blocks stand alone: what the tutorial shows is one walk, of ``tests/tutorial.py``."""
EXAMPLE = ROOT / "examples" / "churn"
_BLOCK = re.compile(r"^```(console|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^\$ (?P<command>[^\n]*)\n(?P<output>(?:(?!\$ )[^\n]*\n)*)", re.MULTILINE)
_CAT = re.compile(r"cat (\S+\.(?:py|toml))")


def renewed(text: str) -> str:
    """``text`` with the examples as they come out now."""
    return _BLOCK.sub(lambda block: f"```{block[1]}\n{_content(block[1], block[2])}```", text)


def shows_output(block: str) -> bool:
    return any(step["output"].strip() for step in _STEP.finditer(block))


def _content(kind: str, block: str) -> str:
    if kind == "console" and not shows_output(block):
        return block
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        if kind == "diff":
            shutil.copytree(EXAMPLE, folder)
            return _run("mljob-codemod apply --diff", folder).partition("--- /dev/null\n")[0]
        if _CAT.match(block.removeprefix("$ ")):
            folder.mkdir()
        else:
            shutil.copytree(EXAMPLE, folder)
        return "".join(_step(step["command"], step["output"], folder) for step in _steps(block))


def _steps(block: str) -> list[re.Match[str]]:
    steps = list(_STEP.finditer(block))
    assert "".join(step[0] for step in steps) == block, "a block begins with a command"
    return steps


def _step(command: str, output: str, folder: Path) -> str:
    shown = _CAT.match(command)
    if shown and not (folder / shown[1]).exists():
        (folder / shown[1]).write_text(output.rstrip("\n") + "\n", encoding="utf-8")
        return f"$ {command}\n{output}"
    gap = "\n" if output.endswith("\n\n") else ""
    return f"$ {command}\n{_run(command, folder).rstrip()}\n{gap}"


def _run(command: str, folder: Path) -> str:
    # The command beside this interpreter, wherever the shell would find another.
    tools = str(Path(sys.executable).parent)
    kept = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "CLICOLOR_FORCE")}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**kept, "PATH": tools + os.pathsep + os.environ["PATH"], "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout


if __name__ == "__main__":
    for document in WITH_EXAMPLES:
        before = document.read_text(encoding="utf-8")
        document.write_text(renewed(before), encoding="utf-8")
