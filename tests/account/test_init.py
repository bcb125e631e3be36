"""Pools, integrations and settings, from saved rows: no account is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlglot

from mljob_codemod.account.integrations import match_integrations, read_integrations
from mljob_codemod.account.inventory import Inventory
from mljob_codemod.account.pools import best_pool, rank_pools
from mljob_codemod.account.settings_file import with_settings
from mljob_codemod.cli import main
from mljob_codemod.config import load_settings
from mljob_codemod.errors import MljobError
from mljob_codemod.plan import Compute, Family, ModelSize


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


def grant(name: str, role: str, privilege: str = "USAGE") -> dict[str, Any]:
    """A row with the columns that SHOW GRANTS ON COMPUTE POOL has."""
    return {
        "created_on": "2026-01-01 00:00:00.000 -0800",
        "privilege": privilege,
        "granted_on": "COMPUTE_POOL",
        "name": name,
        "granted_to": "ROLE",
        "grantee_name": role,
        "grant_option": "false",
        "granted_by": "ACCOUNTADMIN",
    }


def test_pools_are_ranked_by_free_nodes_state_and_fit() -> None:
    rows = [
        pool("BUSY", family="CPU_X64_L", active_nodes=4),
        pool("IDLE_NODES", idle_nodes=2),
        pool("ASLEEP", state="SUSPENDED", active_nodes=0),
        pool("SMALLER", family="CPU_X64_M", active_nodes=4),
        pool("UNKNOWN", family="CPU_NEW", active_nodes=4),
        pool("GPU", family="GPU_NV_S", idle_nodes=9),
    ]
    ranked = rank_pools(rows, Compute(False))
    assert [(each.name, each.score) for each in ranked] == [
        ("IDLE_NODES", 26),
        ("ASLEEP", 4),
        ("SMALLER", 3),
        ("BUSY", 3),
        ("UNKNOWN", 3),
    ]
    assert ranked[0].reasons == (
        "2 idle * 10 + 3 of 4 nodes free + 3 for ACTIVE",
        "3 cores, 13 GiB",
    )
    assert best_pool(rank_pools(rows, Compute(True)), Compute(True)) == "GPU"
    assert best_pool([], Compute(True)) == "SYSTEM_COMPUTE_POOL_GPU"
    assert best_pool([], Compute(False)) == "SYSTEM_COMPUTE_POOL_CPU"


def test_gpu_pools_must_hold_the_model_and_the_family_of_the_plan_comes_first() -> None:
    large = ModelSize("org/large", 7e9, 31.3, "", "train.py", 1)
    plan = Family("aws", "GPU_L40S_G1_8", 1, 48)
    families = ["GPU_NV_M", "GPU_L40S_G1_16", "GPU_NV_S", "GPU_L40S_G1_8", "GPU_R6K_G1_8"]
    rows = [pool(family, family=family) for family in families]
    ranked = rank_pools(rows, Compute(True, "GPU_L40S_G1_8", model=large, families=(plan,)))
    assert [each.name for each in ranked] == [
        *("GPU_L40S_G1_8", "GPU_L40S_G1_16", "GPU_R6K_G1_8", "GPU_NV_M", "GPU_NV_S"),
    ]
    assert (
        ranked[0].fit.reason
        == "6 cores, 58 GiB, 1 GPU of 48 GiB; the family that the plan suggests"
    )
    assert ranked[-1].problems == ("too small: 24 GiB of GPU memory, org/large takes 31.3",)


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"max_nodes": 1}, "too small: 1 nodes at most, 2 needed"),
        (
            {"state": "SUSPENDED", "auto_resume": "false"},
            "suspended, and does not resume by itself",
        ),
        ({"is_exclusive": "true"}, "belongs to an application"),
        ({"family": "GEN_ARM_G1_8"}, "ARM nodes: the runtime images are for x86"),
    ],
)
def test_a_pool_that_cannot_be_used_says_why_and_comes_last(
    columns: dict[str, Any], problem: str
) -> None:
    rows = [pool("BAD", idle_nodes=8, **columns), pool("GOOD", active_nodes=4)]
    compute = Compute(False, nodes=2)
    ranked = rank_pools(rows, compute)
    assert [each.name for each in ranked] == ["GOOD", "BAD"]
    assert ranked[1].problems == (problem,)
    assert ranked[0].reasons[0].endswith("(the job waits for nodes)")
    assert best_pool(ranked, compute) == "GOOD"


def test_a_pool_without_a_grant_for_the_role_is_not_usable() -> None:
    rows = [
        *(pool("THEIRS"), grant("THEIRS", "OTHER"), grant("THEIRS", "ML", "MONITOR")),
        *(pool("OURS"), grant("OURS", "ML")),
        *(pool("ALL"), grant("ALL", "PUBLIC")),
        pool("UNTOLD"),
    ]
    problems = {each.name: each.problems for each in rank_pools(rows, Compute(False), ["ML"])}
    assert problems.pop("THEIRS") == ("not usable by ML: USAGE is not granted",)
    assert set(problems.values()) == {()}


def integration(name: str, enabled: str = "true") -> dict[str, Any]:
    """A row with the columns that SHOW EXTERNAL ACCESS INTEGRATIONS has."""
    return {
        "name": name,
        "type": "EXTERNAL_ACCESS",
        "category": "SECURITY",
        "enabled": enabled,
        "comment": None,
        "created_on": "2026-01-01 00:00:00.000 -0800",
    }


def described(name: str, *rules: str) -> dict[str, Any]:
    """The row of DESCRIBE INTEGRATION that names the rules."""
    return {
        "integration": name,
        "property": "ALLOWED_NETWORK_RULES",
        "property_type": "List",
        "property_value": f"[{', '.join(rules)}]",
        "property_default": "[]",
    }


def rule(name: str, hosts: str) -> dict[str, Any]:
    """A row with the columns that DESCRIBE NETWORK RULE has."""
    return {
        "created_on": "2026-01-01 00:00:00.000 -0800",
        "name": name,
        "database_name": "NET",
        "schema_name": "RULES",
        "owner": "ACCOUNTADMIN",
        "comment": "",
        "type": "HOST_PORT",
        "mode": "EGRESS",
        "value_list": hosts,
    }


def test_integrations_are_matched_by_their_rules_else_by_name_with_the_doubt() -> None:
    rows = [
        *map(integration, ["HF_EAI", "PYPI", "TEAM", "PORT", "SOME", "ALL_OF_IT", "ELSEWHERE"]),
        integration("OFF_WANDB", enabled="false"),
        *(described("TEAM", "NET.RULES.HF"), rule("HF", "huggingface.co:443,*.hf.co")),
        *(described("PORT", "NET.RULES.P80"), rule("P80", "huggingface.co:80,a.hf.co:80")),
        *(described("SOME", "NET.RULES.SOME"), rule("SOME", "huggingface.co")),
        *(described("ALL_OF_IT", "NET.RULES.ANY"), rule("ANY", "0.0.0.0:443,0.0.0.0:80")),
        *(described("ELSEWHERE", "NET.RULES.E"), rule("E", "example.com")),
        described("PYPI", "snowflake.external_access.pypi_rule"),
        described("HF_EAI", "NET.RULES.HF", "OTHER.SECRET.RULE"),
    ]
    services = {
        "huggingface": ["huggingface.co", "a.hf.co"],
        "pip_install": ["pypi.org", "files.pythonhosted.org"],
        "wandb": ["api.wandb.ai"],
    }
    found = {
        (each.service, each.integration): (each.certain, each.why)
        for each in match_integrations(services, read_integrations(rows))
    }
    every = (True, "its network rules name every host")
    assert found == {
        ("huggingface", "TEAM"): every,
        ("huggingface", "ALL_OF_IT"): every,
        ("huggingface", "SOME"): (False, "its network rules lack a.hf.co"),
        ("huggingface", "HF_EAI"): (False, "by its name alone: its network rules cannot be read"),
        ("pip_install", "PYPI"): every,
        ("pip_install", "ALL_OF_IT"): every,
        ("wandb", "ALL_OF_IT"): every,
    }


def test_a_description_without_the_integration_is_refused() -> None:
    row = described("X", "A.B.C")
    del row["integration"]
    with pytest.raises(MljobError, match="a column `integration`: DESC INTEGRATION x ->> SELECT"):
        read_integrations([integration("X"), row])


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
        "import wandb\n\nif __name__ == '__main__':\n    wandb.init()\n"
    )
    monkeypatch.chdir(folder)
    return folder


def test_init_without_a_terminal_or_an_account(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pools.json").write_text(json.dumps([pool("BIG", idle_nodes=3)]))
    # What `snow sql` prints for several statements: a list of answers.
    pypi = described("PYPI_EAI", "snowflake.external_access.pypi_rule")
    Path("eai.json").write_text(
        json.dumps(
            [
                [{key.upper(): each for key, each in integration("PYPI_EAI").items()}],
                [pypi],
                [integration("WANDB_EAI")],
            ]
        )
    )
    arguments = ["--yes", "--offline", "--pools", "pools.json", "--integrations", "eai.json"]
    assert main(["init", *arguments]) == 0
    settings = load_settings(project)
    assert settings.connection == "dev"
    assert (settings.database, settings.schema, settings.stage) == ("ML", "JOBS", "ML_JOBS")
    assert settings.query_warehouse == "WH"
    assert settings.compute_pool == "BIG"
    assert settings.integrations == {"pip_install": "PYPI_EAI"}
    captured = capsys.readouterr()
    assert "wandb: WANDB_EAI (by its name alone: its network rules cannot be read)" in captured.err
    assert "not set: choose by --integration wandb=WANDB_EAI" in captured.err
    assert "s3cret" not in captured.out + captured.err + Path("mljob.toml").read_text()
    assert main(["init", "--yes", "--offline", "--stage", "OTHER"]) == 0
    assert load_settings(project).stage == "OTHER"
    assert load_settings(project).integrations == {"pip_install": "PYPI_EAI"}


def test_init_tells_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("pools.json").write_text(json.dumps([pool("BIG"), pool("OLD", max_nodes=0)]))
    arguments = ["--yes", "--offline", "--pools", "pools.json", "--integration", "wandb=W"]
    assert main(["init", *arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["settings"]["compute_pool"] == "BIG"
    assert told["settings"]["integrations"] == {"wandb": "W"}
    assert [(each["name"], each["usable"]) for each in told["pools"]] == [
        ("BIG", True),
        ("OLD", False),
    ]
    # The nodes that a script's settings ask for count.
    Path("mljob.toml").write_text('[jobs."train.py"]\ntarget_instances = 5\n')
    assert main(["init", *arguments, "--json"]) == 0
    (big, _) = json.loads(capsys.readouterr().out)["pools"]
    assert big["problems"] == ["too small: 4 nodes at most, 5 needed"]
    Path("mljob.toml").unlink()
    # What is settled stays, with a word where it cannot work.
    assert main(["init", *arguments, "--pool", "OLD"]) == 0
    capsys.readouterr()
    assert main(["init", *arguments]) == 0
    assert load_settings(project).compute_pool == "OLD"
    assert "warning: OLD is too small: 0 nodes at most, 1 needed" in capsys.readouterr().err
    assert main(["init", "--yes", "--offline", "--integration", "wandb"]) == 2
    assert "'wandb' is not SERVICE=NAME" in capsys.readouterr().err


class RecordedRow:
    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def as_dict(self) -> dict[str, Any]:
        return self.values


class RecordedSession:
    """Answers statements from recorded rows; an account refuses the others."""

    def __init__(self, answers: dict[str, list[dict[str, Any]]]) -> None:
        self.answers = answers
        self.refused: list[str] = []

    def get_current_role(self) -> str:
        return '"ML"'

    def sql(self, statement: str) -> RecordedSession:
        self.statement = statement
        return self

    def collect(self) -> list[RecordedRow]:
        exceptions = pytest.importorskip("snowflake.snowpark.exceptions")
        if self.statement not in self.answers:
            self.refused.append(self.statement)
            raise exceptions.SnowparkSQLException(
                "SQL access control error: Insufficient privileges"
            )
        return [RecordedRow(row) for row in self.answers[self.statement]]


@pytest.mark.parametrize("name", ["a b", 'say "hi"', "x; DROP DATABASE ML; --", "it's", "select"])
def test_names_that_the_account_tells_stay_one_identifier(name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    session = RecordedSession(
        {
            "SHOW COMPUTE POOLS": [pool(name)],
            f"SHOW GRANTS ON COMPUTE POOL {quoted}": [grant(name, name)],
            "SHOW EXTERNAL ACCESS INTEGRATIONS": [integration(name)],
            f"DESCRIBE INTEGRATION {quoted}": [described(name, "A.B.C")],
        }
    )
    inventory = Inventory(session)
    inventory.pools()
    inventory.integrations()
    inventory.stages(name, name)
    literal = name.replace("'", "''")
    assert session.refused == [
        f"SELECT IS_ROLE_IN_SESSION('{literal}')",
        "DESCRIBE NETWORK RULE A.B.C",
        f"SHOW STAGES IN SCHEMA {quoted}.{quoted}",
    ]
    for statement in [*session.answers, *session.refused]:
        parsed = sqlglot.parse(statement, dialect="snowflake")
        assert len(parsed) == 1, statement


def test_init_asks_the_account_and_offers_what_it_has(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = RecordedSession(
        {
            "SHOW COMPUTE POOLS": [pool("MINE", idle_nodes=1), pool("their pool", idle_nodes=5)],
            'SHOW GRANTS ON COMPUTE POOL "their pool"': [grant("their pool", "OTHER")],
            "SHOW GRANTS ON COMPUTE POOL MINE": [grant("MINE", "ABOVE")],
            "SELECT IS_ROLE_IN_SESSION('ABOVE')": [{"IS_ROLE_IN_SESSION('ABOVE')": True}],
            "SELECT IS_ROLE_IN_SESSION('OTHER')": [{"IS_ROLE_IN_SESSION('OTHER')": False}],
            "SHOW EXTERNAL ACCESS INTEGRATIONS": [integration("EAI_ONE"), integration("WANDB_X")],
            "DESCRIBE INTEGRATION EAI_ONE": [described("", "NET.RULES.ONE")],
            "DESCRIBE NETWORK RULE NET.RULES.ONE": [
                rule("ONE", "api.wandb.ai,api.forge.coreweave.com,storage.googleapis.com")
            ],
            "SHOW STAGES IN SCHEMA ML.JOBS": [
                {"name": "ML_JOBS", "type": "INTERNAL"},
                {"name": "S3", "type": "EXTERNAL"},
            ],
            "SHOW WAREHOUSES": [{"name": "WH"}, {"name": "BIG_WH"}],
        }
    )
    monkeypatch.setattr("mljob_codemod.account.init.open_session", lambda connection: session)
    asked: dict[str, str | None] = {}

    def answer(question: str, default: str | None) -> str | None:
        asked[question] = default
        return default

    monkeypatch.setattr("mljob_codemod.account.commands._ask", answer)
    assert main(["init"]) == 0
    assert asked["stage (ML_JOBS)"] == "ML_JOBS"
    assert asked["query warehouse (WH, BIG_WH)"] == "WH"
    assert asked["compute pool"] == "MINE"
    assert asked["integration for wandb"] == "EAI_ONE"
    told = capsys.readouterr().err
    assert "not usable by ML: USAGE is not granted" in " ".join(told.split())
    assert "wandb: WANDB_X (by its name alone" in told
    assert session.refused == ["DESCRIBE INTEGRATION WANDB_X"]
    assert load_settings(project).integrations == {"wandb": "EAI_ONE"}


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
