"""Every name in hazards.toml is found where it is called, and not where the source reckons with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mljob_codemod.checking import check
from mljob_codemod.config import Settings
from mljob_codemod.rules.hazards import Hazard, hazard_rules
from tests.conversion import working_folder

ROWS = {id(row): row for rows in hazard_rules().values() for row in rows}.values()
CALLS = [(row, name) for row in ROWS for name in row.names if not row.receivers]


def _call(row: Hazard, name: str) -> str:
    name = name.replace("*", "Prompt")
    argument = repr(row.values[0]) if row.values else f"{row.when}=True" if row.when else ""
    return f"{name}({row.given[0] if row.given else argument})"


def _codes(folder: Path, text: str) -> set[str]:
    (folder / "script.py").write_text(f"{text}print('done')\n", encoding="utf-8")
    with working_folder(folder):
        report = check([Path("script.py")], Settings())
    return {finding.code for finding in report.findings if finding.code.startswith("MLJ91")}


def _imports(row: Hazard, name: str) -> str:
    """The imports that a call needs."""
    named = [name, *row.given[:1]]
    modules = [each.replace("*", "Prompt").rpartition(".")[0] for each in named if "." in each]
    return "".join(f"import {module.removesuffix('.stdin')}\n" for module in modules)


@pytest.mark.parametrize(("row", "name"), CALLS, ids=[name for _, name in CALLS])
def test_a_call_is_found(row: Hazard, name: str, tmp_path: Path) -> None:
    assert _codes(tmp_path, f"{_imports(row, name)}result = {_call(row, name)}\n")


@pytest.mark.parametrize(("row", "name"), CALLS, ids=[name for _, name in CALLS])
def test_a_call_that_may_fail_is_not_found(row: Hazard, name: str, tmp_path: Path) -> None:
    text = f"{_imports(row, name)}try:\n    result = {_call(row, name)}\nexcept Exception:\n    result = None\n"
    assert not _codes(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "import plotly.express as px\nfigure = px.line([1])\nfigure.show()\n",
        "from plotly.subplots import make_subplots\nmake_subplots().show()\n",
        "from PIL import Image\nImage.open('a.png').convert('RGB').show()\n",
    ],
)
def test_a_method_is_found_by_what_made_its_object(text: str, tmp_path: Path) -> None:
    assert _codes(tmp_path, text) == {"MLJ914"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("import pdb\npdb.Pdb().set_trace()\n", "MLJ912"),
        ("from IPython.core.debugger import Pdb\nPdb().set_trace()\n", "MLJ912"),
        ("from IPython.terminal.debugger import TerminalPdb as P\nP().set_trace()\n", "MLJ912"),
        (
            "import pdb\nclass Forked(pdb.Pdb):\n    def interaction(self): ...\n"
            "debugger = Forked()\ndebugger.set_trace()\n",
            "MLJ912",
        ),
        ("from rich.console import Console\nname = Console().input('Name: ')\n", "MLJ911"),
        ("import sys\nfor line in sys.stdin:\n    print(line)\n", "MLJ911"),
        ("import sys\nrows = [line.split() for line in sys.stdin.buffer]\n", "MLJ911"),
        ("from sys import stdin as given\nepochs = int(given.readline())\n", "MLJ911"),
        ("import sys\nwhile line := sys.stdin.readline():\n    print(line)\n", "MLJ911"),
        ("import sys, json\nsettings = json.load(sys.stdin)\n", "MLJ911"),
        ("import sys\nnumbers = list(map(int, sys.stdin))\n", "MLJ911"),
    ],
)
def test_ways_to_wait_for_a_person(text: str, code: str, tmp_path: Path) -> None:
    assert _codes(tmp_path, text) == {code}


@pytest.mark.parametrize(
    "text",
    [
        "import matplotlib\nmatplotlib.use('Agg')\n",
        "import click\n@click.option('--name', prompt=False)\ndef main(name): ...\n",
        "import matplotlib.pyplot as plt\nplt.show()\nplt.savefig('a.png')\n",
        "class Model:\n    def show(self): ...\nModel().show()\n",
        "def input(text): return text\ninput('a')\n",
        "import os\nos.makedirs('/scratch/work')\nos.chdir('/scratch/work')\n",
        "import sys\nif sys.stdin.isatty():\n    input()\n",
        "import sys\nif not sys.stdin.isatty():\n    text = sys.stdin.read()\n",
        "import sys, select\nif select.select([sys.stdin], [], [], 0)[0]:\n    key = sys.stdin.read(1)\n",
        "import sys\nfile = sys.stdin if len(sys.argv) < 2 else open(sys.argv[1])\ntext = file.read()\n",
        "import sys\nname = sys.argv[1]\nif name == '-':\n    text = sys.stdin.read()\n",
        "import subprocess\nlist([subprocess.Popen(['cat'], stdin=subprocess.PIPE).stdin])\n",
        "class Debugger:\n    def set_trace(self): ...\nDebugger().set_trace()\n",
        "import pdb\nclass Quiet(pdb.Pdb):\n    def set_trace(self): ...\nQuiet().set_trace()\n",
        "import signal\nsignal.alarm(5)\nsignal.pause()\n",
        "print('see /home/ann for more')\n",
        "import pandas as pd\npd.read_csv('/home/ann/data.csv')\n",
    ],
)
def test_what_a_job_can_do_is_not_found(text: str, tmp_path: Path) -> None:
    assert not _codes(tmp_path, text)


def test_a_question_in_an_endless_loop_is_not_left_out(tmp_path: Path) -> None:
    text = "while True:\n    input('next? ')\n"
    (tmp_path / "script.py").write_text(text, encoding="utf-8")
    with working_folder(tmp_path):
        report = check([Path("script.py")], Settings())
    assert [(found.code, found.fix) for found in report.findings] == [("MLJ911", None)]
