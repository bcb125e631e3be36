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
    return f"{name}({argument})"


def _codes(folder: Path, text: str) -> set[str]:
    (folder / "script.py").write_text(f"{text}print('done')\n", encoding="utf-8")
    with working_folder(folder):
        report = check([Path("script.py")], Settings())
    return {finding.code for finding in report.findings if finding.code.startswith("MLJ91")}


def _module(name: str) -> str:
    return name.replace("*", "Prompt").rpartition(".")[0]


@pytest.mark.parametrize(("row", "name"), CALLS, ids=[name for _, name in CALLS])
def test_a_call_is_found(row: Hazard, name: str, tmp_path: Path) -> None:
    imports = f"import {_module(name)}\n" if "." in name else ""
    assert _codes(tmp_path, f"{imports}result = {_call(row, name)}\n")


@pytest.mark.parametrize(("row", "name"), CALLS, ids=[name for _, name in CALLS])
def test_a_call_that_may_fail_is_not_found(row: Hazard, name: str, tmp_path: Path) -> None:
    imports = f"import {_module(name)}\n" if "." in name else ""
    text = f"{imports}try:\n    result = {_call(row, name)}\nexcept Exception:\n    result = None\n"
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
    "text",
    [
        "import matplotlib\nmatplotlib.use('Agg')\n",
        "import click\n@click.option('--name', prompt=False)\ndef main(name): ...\n",
        "import matplotlib.pyplot as plt\nplt.show()\nplt.savefig('a.png')\n",
        "class Model:\n    def show(self): ...\nModel().show()\n",
        "def input(text): return text\ninput('a')\n",
        "import os\nos.makedirs('/scratch/work')\nos.chdir('/scratch/work')\n",
        "import sys\nif sys.stdin.isatty():\n    input()\n",
        "print('see /home/ann for more')\n",
        "import pandas as pd\npd.read_csv('/home/ann/data.csv')\n",
    ],
)
def test_what_a_job_can_do_is_not_found(text: str, tmp_path: Path) -> None:
    assert not _codes(tmp_path, text)
