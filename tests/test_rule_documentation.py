"""The records behind ``explain``, ``rules`` and docs/rules.md: complete, and true of what the tool does."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from mljob_codemod.checking import Report, check
from mljob_codemod.codemods import all_rules
from mljob_codemod.config import Settings
from mljob_codemod.converting import convert
from mljob_codemod.findings import Level, Rule, Safety
from mljob_codemod.submission import FILE_NAME
from tests.conversion import working_folder
from tests.fixture_case import FIXTURES

RULES = all_rules()
FIXED = [rule for rule in RULES if rule.safety is not None]
RETURN_NAMES: Mapping[str, str] = {"MLJ106": "metrics"}
"""What ``--return`` names in the examples of rules that need it."""

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
each_fixed_rule = pytest.mark.parametrize("rule", FIXED, ids=lambda rule: rule.code)


@each_rule
def test_every_rule_says_what_it_finds_why_and_what_to_do(rule: Rule) -> None:
    text = rule.documentation
    for section in (text.finds, text.matters, text.by_hand):
        assert section.strip().endswith(".")
    assert bool(text.before) == bool(text.after) == (rule.safety is not None)
    assert bool(rule.fix_title) == (rule.safety is not None)
    assert bool(text.unsafe_when) == (rule.safety is Safety.UNSAFE)
    assert not text.reference or text.reference.startswith("https://")


@each_rule
def test_level_agrees_with_the_fix(rule: Rule) -> None:
    # A warning is what a safe fix removes (findings.Level).
    assert (rule.level is Level.WARNING) == (rule.safety is Safety.SAFE)


@each_rule
def test_form_of_code_and_name(rule: Rule) -> None:
    assert re.fullmatch(r"MLJ[1-9]\d\d", rule.code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.name)


def test_codes_and_names_are_unique() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


def _settings(rule: Rule) -> Settings:
    return Settings(
        unsafe_fixes=rule.safety is Safety.UNSAFE, return_name=RETURN_NAMES.get(rule.code)
    )


def _convert(folder: Path, script: str, rule: Rule) -> tuple[Report, str]:
    """What ``check`` says of ``script``, and the script as ``apply`` would leave it."""
    path = folder / "train.py"
    path.write_text(script, encoding="utf-8")
    with working_folder(folder):
        report = check([Path("train.py")], _settings(rule))
        change_sets = convert(report, _settings(rule))
    assert not report.errors
    changed = {change.shown: change.after for each in change_sets for change in each.changes}
    assert changed.keys() <= {"train.py", FILE_NAME}
    return report, changed.get("train.py", path.read_bytes()).decode("utf-8")


@each_fixed_rule
def test_before_becomes_after(rule: Rule, tmp_path: Path) -> None:
    text = rule.documentation
    ast.parse(text.before)
    ast.parse(text.after)
    report, converted = _convert(tmp_path, text.before, rule)
    assert rule.code in {finding.code for finding in report.findings}
    assert converted == text.after


@each_fixed_rule
def test_after_is_left_alone(rule: Rule, tmp_path: Path) -> None:
    report, converted = _convert(tmp_path, rule.documentation.after, rule)
    assert converted == rule.documentation.after
    assert rule.code not in {finding.code for finding in report.findings}


@each_rule
def test_some_fixture_shows_the_rule(rule: Rule) -> None:
    assert rule.code in _shown_codes()


def _shown_codes() -> set[str]:
    shown: set[str] = set()
    for snapshot in FIXTURES.glob("*/*/check.txt"):
        shown.update(re.findall(r":\d+:\d+ (MLJ\d+) ", snapshot.read_text(encoding="utf-8")))
    return shown
