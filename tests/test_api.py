"""``mljob_codemod.check`` and ``mljob_codemod.apply``."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import mljob_codemod
from mljob_codemod import checking
from mljob_codemod.config import load_settings
from mljob_codemod.errors import ConfigError
from mljob_codemod.project import Project
from mljob_codemod.source import Source
from mljob_codemod.syntax import reading
from mljob_codemod.syntax.scopes import ModuleIndex

FIXTURES = Path(__file__).parents[1] / "fixtures"
SCRIPT = """\
def main():
    return 1


if __name__ == "__main__":
    main()
"""


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(SCRIPT, encoding="utf-8")
    return tmp_path


def test_check_reports_and_writes_nothing(tree: Path) -> None:
    report = mljob_codemod.check()
    assert [(each.code, each.location.path) for each in report.findings] == [("MLJ101", "train.py")]
    assert [plan.script for plan in report.jobs] == ["train.py"]
    assert [path.name for path in tree.iterdir()] == ["train.py"]
    assert Path("train.py").read_text(encoding="utf-8") == SCRIPT


def test_apply_writes_what_it_returns(tree: Path) -> None:
    proposed = mljob_codemod.apply(["train.py"], write=False)
    assert Path("train.py").read_text(encoding="utf-8") == SCRIPT
    applied = mljob_codemod.apply(tree / name for name in ["train.py"])
    assert applied.change_sets == proposed.change_sets
    changes = {change.path.name: change.after for change in applied.change_sets[0].changes}
    assert {path.name: path.read_bytes() for path in tree.iterdir()} == changes
    assert b"__return__ = main()" in changes["train.py"]
    assert mljob_codemod.apply().change_sets == ()


def test_what_cannot_be_read_or_written_is_an_error_beside_the_rest(tree: Path) -> None:
    for name in ("other", "readonly"):
        (tree / name).mkdir()
        (tree / name / "train.py").write_text(SCRIPT, encoding="utf-8")
    (tree / "other" / "broken.py").write_text("def", encoding="utf-8")
    (tree / "readonly" / "train.py").chmod(0o444)
    applied = mljob_codemod.apply()
    assert [error.path for error in applied.errors] == ["other/broken.py", "readonly/train.py"]
    assert [change_set.scripts for change_set in applied.change_sets] == [
        ("other/train.py",),
        ("train.py",),
    ]


def test_many_scripts_are_looked_at_in_several_processes_with_the_same_outcome(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("keep.py").write_text("def keep(path):\n    open(path, 'w').write('1')\n")
    Path("names.py").write_text("NAME = 'kept.txt'\n")  # read only because the scripts name it
    Path("pyproject.toml").touch()
    Path("scripts").mkdir()
    for number in range(checking.PARALLEL_FROM + 1):
        Path(f"scripts/s{number}.py").write_text(
            f"import keep, names\nif __name__ == '__main__':\n    keep.keep(names.NAME + '{number}')\n"
        )
    scripts = sorted(Path("scripts").iterdir())
    together = mljob_codemod.check(scripts)
    monkeypatch.setattr(checking, "PARALLEL_FROM", 1000)
    alone = mljob_codemod.check(scripts)
    assert together.findings == alone.findings
    assert together.jobs == alone.jobs
    assert together.sources.keys() == alone.sources.keys()
    assert {finding.code for finding in together.findings} == {"MLJ104", "MLJ202"}


def test_scripts_of_all_concerns_fare_alike_in_one_process_and_in_several(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("rules.toml").write_text(
        '[[writer]]\nnames = ["acme.keep"]\nargument = [0, "path"]\nsource = "our wiki"\n'
    )
    Path("mljob.toml").write_text('extend_rules = ["rules.toml"]\n')
    Path("own.py").write_text("import acme\n\nacme.keep('own.txt')\n")
    for concern in sorted(FIXTURES.iterdir()):
        for case in sorted(concern.glob("*/before"))[:2]:
            shutil.copytree(case, tree / concern.name / case.parent.name)
    together, applied_together = mljob_codemod.check(), mljob_codemod.apply(write=False)
    assert len(together.jobs) > checking.PARALLEL_FROM
    assert together.files > reading.PARALLEL_FROM
    monkeypatch.setattr(checking, "PARALLEL_FROM", 1000)
    monkeypatch.setattr(reading, "PARALLEL_FROM", 1000)
    alone, applied_alone = mljob_codemod.check(), mljob_codemod.apply(write=False)
    assert "own.py" in {
        found.location.path for found in together.findings if found.code == "MLJ202"
    }
    for one, other in ((together, alone), (applied_together.report, applied_alone.report)):
        assert one.findings == other.findings
        assert one.jobs == other.jobs
        assert list(map(str, one.errors)) == list(map(str, other.errors))
        assert one.sources.keys() == other.sources.keys()
    assert applied_together.change_sets == applied_alone.change_sets
    assert list(map(str, applied_together.errors)) == list(map(str, applied_alone.errors))


def test_nothing_that_was_read_outlives_its_report() -> None:
    kept_by_other_tests = _alive()
    for case in sorted(FIXTURES.glob("*/*/before"))[::40]:
        mljob_codemod.apply([case], write=False)
    gc.collect()
    known = {id(each) for each in kept_by_other_tests}
    assert [each for each in _alive() if id(each) not in known] == []


def _alive() -> list[object]:
    """What is made of a project and its files, of all that were read."""
    return [each for each in gc.get_objects() if isinstance(each, (ModuleIndex, Project, Source))]


def test_settings_are_those_of_the_file_or_those_given() -> None:
    Path("mljob.toml").write_text('ignore = ["MLJ101"]\n', encoding="utf-8")
    assert mljob_codemod.check().findings == ()
    settings = replace(load_settings(Path()), ignore=())
    assert [each.code for each in mljob_codemod.check(settings=settings).findings] == ["MLJ101"]
    Path("mljob.toml").write_text("ignored = []\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="did you mean 'ignore'"):
        mljob_codemod.check()


def test_import_is_quick() -> None:
    code = "import sys, mljob_codemod; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("mljob_codemod")}
    assert loaded == {"mljob_codemod"}
