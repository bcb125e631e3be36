"""Causes of failures: each row of the table explains its own example, and real logs name the first cause."""

from __future__ import annotations

import pytest

from mljob_codemod.diagnosis import diagnose, render_diagnosis
from mljob_codemod.rules.failures import Failure, failures


@pytest.mark.parametrize("failure", failures(), ids=lambda failure: failure.name)
def test_each_example_is_explained_by_its_own_row_first(failure: Failure) -> None:
    found = diagnose(f"INFO starting\n{failure.example}\n")
    assert found[0].name == failure.name
    assert found[0].line == 2
    assert "{" not in found[0].cause + found[0].remedy


def test_the_host_is_named() -> None:
    log = """\
Traceback (most recent call last):
  File "train.py", line 3, in <module>
requests.exceptions.ConnectionError: HTTPSConnectionPool(host='api.example.com', port=443): Max retries
exceeded with url: / (Caused by NameResolutionError("Failed to resolve 'api.example.com'"))
"""
    (only,) = diagnose(log)
    assert "api.example.com" in only.cause
    assert "api.example.com" in only.remedy


@pytest.mark.parametrize(
    ("host", "integrations", "access"),
    [
        ("api.wandb.ai", {}, "pass its integration (setting `integrations.wandb`)"),
        ("api.wandb.ai", {"wandb": "OUT"}, "let OUT have it, which the settings name for wandb"),
        ("api.example.com", {"wandb": "OUT"}, "pass its integration (setting `integrations`)"),
    ],
)
def test_a_host_leads_to_its_integration(
    host: str, integrations: dict[str, str], access: str
) -> None:
    (only,) = diagnose(f"Could not resolve host: {host}", integrations)
    assert only.remedy.startswith(f"add {host} to a network rule and {access}")


def test_a_missing_module_comes_before_the_lost_result() -> None:
    log = "ModuleNotFoundError: No module named 'cv2'\nRuntimeError: Failed to retrieve result for job, error: x\n"
    assert [each.name for each in diagnose(log)] == ["missing-module", "no-result"]
    text = render_diagnosis(diagnose(log))
    assert text.startswith("Cause: the job has no module cv2\n")
    assert "Also: the job ended before" in text


def test_what_the_script_itself_raises_is_named_where_no_other_row_explains_it() -> None:
    log = "ImportError: libcudart.so.12: cannot open\nModuleNotFoundError: No module named 'cv2'\n"
    assert [each.name for each in diagnose(log)] == ["missing-module", "script-error"]
    assert diagnose(log)[1].cause == "the script raised ImportError: libcudart.so.12: cannot open"


def test_a_log_without_a_known_cause_says_where_to_look() -> None:
    assert diagnose("epoch 1 done\n") == []
    assert "job logs --verbose" in render_diagnosis([])
