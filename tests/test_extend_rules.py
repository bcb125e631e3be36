"""Rules of a company's own, beside the shipped ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mljob_codemod.checking import Report, check
from mljob_codemod.cli import main
from mljob_codemod.config import load_settings
from mljob_codemod.diagnosis import diagnose
from mljob_codemod.rules.extensions import TABLES, extensions, use_extensions

DOCUMENT = Path(__file__).parents[1] / "docs" / "extend.md"
SCRIPT = """
import acme_ml

tracker = acme_ml.Tracker()
table = acme_ml.load_table("data/train.acme")
acme_ml.save_model(table, "model.acme")
acme_ml.fit(table).export_report("report.html")
acme_ml.Model.from_registry("base")
acme_ml.DeepModel().ask_owner()
acme_ml.show_board()
acme_ml.DataParallelFit(table)
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(SCRIPT)
    Path("mljob.toml").write_text('extend-rules = ["rules.toml"]\n')
    yield tmp_path
    use_extensions(())


def checked() -> Report:
    return check([Path("train.py")], load_settings(Path()))


def test_the_documented_file_teaches_all_that_it_says() -> None:
    _, example = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    Path("rules.toml").write_text(example)
    (plan,) = checked().jobs
    assert plan.pip_requirements == ["acme-ml-platform"]
    assert {use.target for use in plan.hardcoded_outputs} == {"model.acme", "report.html"}
    assert [use.target for use in plan.local_inputs] == ["data/train.acme"]
    assert [service.hosts for service in plan.services] == [("models.acme.example",)]
    assert (plan.compute.gpu_use, plan.distributed) == ("required", "torch_ddp")
    assert plan.compute.instance_family == "GPU_ACME_1"
    codes = [finding.code for finding in checked().findings]
    assert codes.count("MLJ209") == 1
    assert {"MLJ911", "MLJ913"} <= {*codes}
    (found,) = diagnose("ACME-42: quota of vision")
    assert found.cause == "the quota of vision is used up"


def test_without_the_setting_they_are_gone() -> None:
    Path("rules.toml").write_text('[distributions]\nacme_ml = "acme-ml-platform"\n')
    assert checked().jobs[0].pip_requirements == ["acme-ml-platform"]
    Path("mljob.toml").unlink()
    assert checked().jobs[0].pip_requirements == []
    assert extensions() == ()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[[writers]]\nnames = ['a.b']\n", 1, "unknown table [[writers]]; known are [[writer]]"),
        ("\n[[writer]]\nnames = ['a.b']\nsource = 's'\n", 2, "[[writer]] argument: is missing"),
        (
            "[[writer]]\nnames = ['a.b']\nargument = [0]\nmaner = 'append'\nsource = 's'\n",
            4,
            "[[writer]] maner: unknown key; known are",
        ),
        ("[hosts]\na = 'b'\n", None, "unknown table [hosts]; known are [distributions]"),
        ("[distributions]\na = 1\n", None, "[distributions] a: must be a string"),
        ("[[failure]]\nname = 'x'\npattern = '('\n", 3, "must be a regular expression"),
        ("[[writer]\n", 1, ""),
        ("[[gpu-use]]\nnames = ['a.b']\nsource = 's'\n", 1, "[[gpu-use]] need: is missing"),
        (
            "[[gpu-use]]\nnames = ['a.b']\nneed = 'much'\nsource = 's'\n",
            3,
            "[[gpu-use]] need: must be",
        ),
        ("[[gpu-keyword]]\nnames = ['a']\nsource = 's'\n", 1, "[[gpu-keyword]] value: is missing"),
        ("[[gpu-off]]\nnames = ['a.b']\nsource = 's'\n", 1, "[[gpu-off]] libraries: is missing"),
        (
            "[[distributed-use]]\nnames = ['a.b']\nkind = 'mpi'\nsource = 's'\n",
            3,
            "[[distributed-use]] kind: must be one of",
        ),
        (
            "[[instance-family]]\nname = 'A'\ncpus = 'many'\nmemory = 1\n",
            3,
            "[[instance-family]] cpus: must be a number",
        ),
        ("[[hazard]]\nnames = ['a.b']\nkind = 'odd'\n", 3, "[[hazard]] kind: must be"),
        (
            "[[hazard-method]]\nnames = ['a']\nkind = 'asks'\ndoes = 'd'\nremedy = 'r'\nsource = 's'\n",
            1,
            "[[hazard-method]] receivers: is missing",
        ),
    ],
)
def test_mistakes_are_one_line(
    capsys: pytest.CaptureFixture[str], text: str, line: int | None, message: str
) -> None:
    Path("rules.toml").write_text(text)
    before = Path("train.py").read_bytes()
    assert main(["apply", "train.py"]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert f"rules.toml:{line}: " in told if line else "rules.toml: " in told
    assert message in told
    assert Path("train.py").read_bytes() == before


def test_a_missing_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "train.py"]) == 2
    assert "rules.toml: cannot be read" in capsys.readouterr().err


def test_every_table_is_documented() -> None:
    text = DOCUMENT.read_text()
    assert all(f"[[{table}]]" in text for table in TABLES)
