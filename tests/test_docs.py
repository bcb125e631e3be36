"""The documents say what the tool does: examples are real, generated pages fresh, links lead somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from mljob_codemod.codemods import all_rules
from mljob_codemod.config import JobSettings, Settings, load_settings
from tests.documents import DOCUMENTS, ROOT, WITH_EXAMPLES, renewed
from tests.fixture_case import load_case

each_document = pytest.mark.parametrize("document", WITH_EXAMPLES, ids=lambda path: path.name)
ALL = (*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md")


@each_document
def test_examples_are_real_output(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert renewed(text) == text, "run: python -m tests.documents"


def test_readme_and_docs_hold_examples() -> None:
    text = "".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    assert "\n```diff\n--- a/train.py\n" in text
    assert "\n$ mljob-codemod check\ntrain.py\n" in text


@pytest.mark.parametrize("document", ALL, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://)([^)#]*)(?:#[^)]*)?\)", text):
        assert not target or (document.parent / target).exists(), target


@pytest.mark.parametrize("document", ALL, ids=lambda path: path.name)
def test_codes_exist(document: Path) -> None:
    codes = {rule.code for rule in all_rules()}
    assert set(re.findall(r"MLJ\d{3}", document.read_text(encoding="utf-8"))) <= codes


def test_rules_page_is_up_to_date() -> None:
    command = [sys.executable, ROOT / "scripts" / "document_rules", "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["README.md", "docs/settings.md"])
def test_settings_shown_are_valid_and_complete(name: str, tmp_path: Path) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "pyproject.toml").write_text(block, encoding="utf-8")
    settings = load_settings(tmp_path)
    (job,) = settings.jobs.values()
    if name.startswith("docs"):
        command_line = {
            "return_name",
            "remote",
            "net_here",
            "exclude_here",
            "force_exclude",
            "file",
        }
        wanted = {field.name for field in fields(Settings)} - command_line
        assert {field for field in wanted if f"`{_key(field)}`" not in text} == set()
        per_job = {field.name for field in fields(JobSettings)}
        assert {field for field in per_job if f"`{_key(field)}`" not in text} == set()
    assert job.args
    assert settings.integrations


def _key(field: str) -> str:
    return {"return_name": "return"}.get(field, field)


def test_new_rule_starts_what_the_other_tests_then_ask_for(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    codemods = tmp_path / "mljob_codemod" / "codemods"
    shutil.copytree(ROOT / "mljob_codemod" / "codemods", codemods)

    def new_rule(*arguments: str) -> str:
        command = [sys.executable, tmp_path / "scripts" / "new_rule", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else done.stderr

    taken = {rule.code for rule in all_rules()}
    code = new_rule("session", "stale-session", "--fix", "safe").split()[0]
    assert code.startswith("MLJ7")
    assert code not in taken
    scope: dict[str, object] = {}
    exec((codemods / "session_rules.py").read_text(encoding="utf-8"), scope)
    rule = scope["STALE_SESSION"]
    assert scope["RULES"][-1] is rule  # type: ignore[index]
    assert rule.code == code  # type: ignore[attr-defined]
    case = load_case(tmp_path / "fixtures" / "sessions" / "stale_session")
    assert case.codes == (code,)

    assert "say with --family" in new_rule("wholly_new", "some-thing")
    last = max(int(known[3:]) for known in taken if known.startswith("MLJ3"))
    assert f"MLJ{last + 1}" in new_rule("wholly_new", "some-thing", "--family", "3")
    assert f"MLJ{last + 2}" in new_rule("wholly_new", "other-thing")
    assert "already" in new_rule("entry", "return-value-lost")
    ruff = [sys.executable, "-m", "ruff", "--config", ROOT / "pyproject.toml"]
    command = [*ruff[:3], "format", "--check", *ruff[3:], codemods]
    assert subprocess.run(command, capture_output=True).returncode == 0
