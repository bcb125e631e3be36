"""Pools, integrations and settings, from saved rows: no account is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mljob_codemod.account.integrations import match_integrations
from mljob_codemod.account.pools import best_pool, rank_pools, render_pools
from mljob_codemod.account.settings_file import with_settings
from mljob_codemod.cli import main
from mljob_codemod.config import load_settings
from mljob_codemod.plan import Compute


def pool(
    name: str, family: str = "CPU_X64_S", state: str = "ACTIVE", **columns: Any
) -> dict[str, Any]:
    """A row with the columns that SHOW COMPUTE POOLS has."""
    row: dict[str, Any] = {
        "name": name,
        "state": state,
        "min_nodes": 1,
        "max_nodes": 4,
        "instance_family": family,
        "num_services": 0,
        "num_jobs": 0,
        "auto_suspend_secs": 600,
        "auto_resume": "true",
        "active_nodes": 1,
        "idle_nodes": 0,
        "target_nodes": 1,
        "is_exclusive": "false",
    }
    return {**row, **columns}


def test_pools_are_ranked_by_free_nodes_state_and_fit() -> None:
    rows = [
        pool("BUSY", active_nodes=4),
        pool("IDLE_NODES", idle_nodes=2),
        pool("ASLEEP", state="SUSPENDED", active_nodes=0),
        pool("FITS", family="CPU_X64_M", active_nodes=4),
        pool("GPU", family="GPU_NV_S", idle_nodes=9),
    ]
    ranked = rank_pools(rows, Compute(False, "CPU_X64_M"))
    assert [(each.name, each.score) for each in ranked] == [
        ("IDLE_NODES", 26),
        ("ASLEEP", 4),
        ("FITS", 3),
        ("BUSY", 3),
    ]
    assert best_pool(rows, Compute(True)) == "GPU"
    assert best_pool([], Compute(True)) == "SYSTEM_COMPUTE_POOL_GPU"


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"max_nodes": 1}, "too small: 1 nodes at most, 2 needed"),
        (
            {"state": "SUSPENDED", "auto_resume": "false"},
            "suspended, and does not resume by itself",
        ),
        ({"is_exclusive": "true"}, "belongs to an application"),
        ({"family": "GEN_ARM_G1_8"}, "ARM nodes"),
    ],
)
def test_a_pool_that_cannot_be_used_says_why_and_comes_last(
    columns: dict[str, Any], problem: str
) -> None:
    rows = [pool("BAD", idle_nodes=8, **columns), pool("GOOD", active_nodes=4)]
    ranked = rank_pools(rows, Compute(False, nodes=2))
    assert [each.name for each in ranked] == ["GOOD", "BAD"]
    assert problem in render_pools(ranked)
    assert best_pool(rows, Compute(False, nodes=2)) == "GOOD"


def test_integrations_are_matched_by_hosts_else_by_name_with_the_doubt() -> None:
    rows = [
        {"name": "HF_EAI", "type": "EXTERNAL_ACCESS", "enabled": "true"},
        {"name": "PYPI_ACCESS", "type": "EXTERNAL_ACCESS", "enabled": "true"},
        {"name": "OFF_WANDB", "type": "EXTERNAL_ACCESS", "enabled": "false"},
        {"name": "TEAM", "type": "EXTERNAL_ACCESS", "enabled": "true"},
    ]
    services = {
        "huggingface": ["huggingface.co", "a.hf.co"],
        "pip_install": ["pypi.org"],
        "wandb": ["api.wandb.ai"],
    }
    hosts = {"TEAM": ["huggingface.co:443", "*.hf.co"]}
    found = {
        (m.service, m.integration): m.certain for m in match_integrations(services, rows, hosts)
    }
    assert found == {
        ("huggingface", "HF_EAI"): False,
        ("huggingface", "TEAM"): True,
        ("pip_install", "PYPI_ACCESS"): False,
    }


def test_settings_are_set_and_the_rest_of_the_file_stays() -> None:
    before = (
        '# mine\n[project]\nname = "x"   # the name\n\n[tool.mljob-codemod]\nstage = "OLD" # here\n'
    )
    after = with_settings(
        before, {"stage": "NEW", "integrations": {"wandb": "W"}}, table=("tool", "mljob-codemod")
    )
    assert after.startswith('# mine\n[project]\nname = "x"   # the name\n')
    assert 'stage = "NEW" # here\n' in after
    assert 'integrations = {wandb = "W"}' in after


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "snowflake"
    home.mkdir()
    monkeypatch.setenv("SNOWFLAKE_HOME", str(home))
    (home / "connections.toml").write_text(
        '[dev]\naccount = "a"\nuser = "u"\npassword = "s3cret"\ndatabase = "ML"\nschema = "JOBS"\nwarehouse = "WH"\n'
    )
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text(
        "import wandb\n\nif __name__ == '__main__':\n    print(wandb)\n"
    )
    monkeypatch.chdir(folder)
    return folder


def test_init_without_a_terminal_or_an_account(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pools.json").write_text(json.dumps([pool("BIG", idle_nodes=3)]))
    Path("eai.json").write_text(
        json.dumps([{"NAME": "PYPI_EAI", "TYPE": "EXTERNAL_ACCESS", "ENABLED": "true"}])
    )
    arguments = ["--yes", "--offline", "--pools", "pools.json", "--integrations", "eai.json"]
    assert main(["init", *arguments]) == 0
    settings = load_settings(project)
    assert settings.connection == "dev"
    assert (settings.database, settings.schema, settings.stage) == ("ML", "JOBS", "ML_JOBS")
    assert settings.query_warehouse == "WH"
    assert settings.compute_pool == "BIG"
    assert settings.integrations["pip_install"] == "PYPI_EAI"
    captured = capsys.readouterr()
    assert "s3cret" not in captured.out + captured.err + Path("mljob.toml").read_text()
    assert main(["init", "--yes", "--offline", "--stage", "OTHER"]) == 0
    assert load_settings(project).stage == "OTHER"


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "pools.json:1: is not JSON"), ('{"a": 1}', "pools.json: must be a list of rows")],
)
def test_wrong_rows_are_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    Path("pools.json").write_text(content)
    assert main(["init", "--yes", "--offline", "--pools", "pools.json"]) == 2
    assert message in capsys.readouterr().err
    assert not Path("mljob.toml").exists()


def test_an_unknown_connection_and_a_broken_file_show_no_secret(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--yes", "--offline", "--connection", "prod"]) == 2
    assert "no connection 'prod': there are dev" in capsys.readouterr().err
    broken = project.parent / "snowflake" / "connections.toml"
    broken.write_text('[dev]\npassword = s3cret"\n')
    assert main(["init", "--yes", "--offline"]) == 2
    errors = capsys.readouterr().err
    assert "connections.toml:2: is not valid TOML" in errors
    assert "s3cret" not in errors
