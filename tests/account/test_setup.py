"""The SQL for an administrator: complete, in order, quoted, and readable by a parser of the dialect."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot

from mljob_codemod.account.setup import render_setup
from mljob_codemod.account.sql import comment, identifier, qualified, string
from mljob_codemod.cli import main
from mljob_codemod.config import Settings
from mljob_codemod.errors import MljobError
from mljob_codemod.plan import Compute, JobPlan, Service

SETTINGS = Settings(database="ML", schema="JOBS", stage="RESULTS", query_warehouse="WH")


def plan(**fields: object) -> JobPlan:
    made = JobPlan("train.py", ".", "train.py")
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def statements(text: str) -> list[str]:
    """The statements without comments, each on one line."""
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [" ".join(part.split()) for part in "\n".join(lines).split(";") if part.strip()]


def test_a_plain_job_needs_place_stage_and_grants() -> None:
    text = render_setup(
        [plan(compute=Compute(False, None, "SYSTEM_COMPUTE_POOL_CPU"))], SETTINGS, "R"
    )
    assert statements(text) == [
        "USE ROLE ACCOUNTADMIN",
        "CREATE ROLE IF NOT EXISTS R",
        "CREATE DATABASE IF NOT EXISTS ML",
        "CREATE SCHEMA IF NOT EXISTS ML.JOBS",
        "GRANT USAGE ON DATABASE ML TO ROLE R",
        "GRANT USAGE, CREATE SERVICE ON SCHEMA ML.JOBS TO ROLE R",
        "CREATE STAGE IF NOT EXISTS ML.JOBS.RESULTS ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')",
        "GRANT READ, WRITE ON STAGE ML.JOBS.RESULTS TO ROLE R",
        "GRANT USAGE, MONITOR ON COMPUTE POOL SYSTEM_COMPUTE_POOL_CPU TO ROLE R",
        "GRANT USAGE ON WAREHOUSE WH TO ROLE R",
    ]


def test_services_packages_and_pools_of_all_jobs_come_once() -> None:
    hub = Service("huggingface", ("huggingface.co", "cdn-lfs.hf.co"), "train.py", 3)
    plans = [
        plan(
            services=[hub, Service("wandb", ("api.wandb.ai",), "train.py", 9)],
            pip_requirements=["peft"],
            compute=Compute(True, "GPU_NV_M", "GPU", nodes=2),
        ),
        plan(services=[hub], compute=Compute(True, None, "GPU")),
    ]
    made = statements(
        render_setup(
            plans, Settings(database="ML", schema="JOBS", integrations={"wandb": "OUT"}), "R"
        )
    )
    assert (
        made.count(
            "CREATE COMPUTE POOL IF NOT EXISTS GPU MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = GPU_NV_M "
            "AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE AUTO_SUSPEND_SECS = 600"
        )
        == 1
    )
    rule = made.index(
        "CREATE OR ALTER NETWORK RULE ML.JOBS.huggingface_hosts TYPE = HOST_PORT MODE = EGRESS "
        "VALUE_LIST = ('huggingface.co', 'cdn-lfs.hf.co')"
    )
    assert made[rule + 1 : rule + 3] == [
        "CREATE EXTERNAL ACCESS INTEGRATION IF NOT EXISTS huggingface_access ALLOWED_NETWORK_RULES = "
        "(ML.JOBS.huggingface_hosts) ENABLED = TRUE",
        "GRANT USAGE ON INTEGRATION huggingface_access TO ROLE R",
    ]
    assert "GRANT USAGE ON INTEGRATION OUT TO ROLE R" in made
    assert any("snowflake.external_access.pypi_rule" in each for each in made)
    assert made[-1] == "GRANT DATABASE ROLE SNOWFLAKE.PYPI_REPOSITORY_USER TO ROLE R"


def test_the_pool_has_the_largest_family_and_code_on_a_stage_can_be_read() -> None:
    plans = [
        plan(compute=Compute(True, "GPU_NV_S", "GPU")),
        plan(compute=Compute(True, "GPU_L40S_G1_8", "GPU"), source="@OTHER.PLACE.CODE/project"),
    ]
    made = statements(render_setup(plans, SETTINGS, "R"))
    assert sum("INSTANCE_FAMILY = GPU_L40S_G1_8" in each for each in made) == 1
    assert "GRANT READ ON STAGE OTHER.PLACE.CODE TO ROLE R" in made
    assert not any(each.startswith("ALTER") for each in made)


def test_an_integration_that_may_be_there_keeps_its_rules_and_too_many_hosts_are_told() -> None:
    hosts = tuple(f"host{number}.example.com" for number in range(101))
    services = [Service("http", hosts, "train.py", 1), Service("wandb", ("w.ai",), "train.py", 2)]
    settings = Settings(database="ML", schema="JOBS", integrations={"http": "TEAM"})
    text = render_setup([plan(services=services)], settings, "R")
    assert "-- More hosts than an integration may have; left out: host100.example.com\n" in text
    assert (
        "-- ALTER EXTERNAL ACCESS INTEGRATION TEAM SET ALLOWED_NETWORK_RULES = (..., ML.JOBS.http_hosts);\n"
        in text
    )
    assert "ALTER EXTERNAL ACCESS INTEGRATION wandb_access" not in text


HOSTILE = ["a b", 'say "hi"', "x; DROP DATABASE ML; --", "select", "naïve", "1st", "it's", "a\\b"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_one_identifier(name: str) -> None:
    parsed = sqlglot.parse_one(f"SELECT * FROM {identifier(name)}", dialect="snowflake")
    (table,) = parsed.find_all(sqlglot.exp.Table)
    assert table.name == name
    literal = sqlglot.parse_one(f"SELECT {string(name)}", dialect="snowflake").expressions[0]
    assert literal.this == name
    settings = Settings(database=name, schema=name, stage="S", integrations={"http": name})
    service = Service("http", (name,), f"{name}\n.py", 1)
    hostile = plan(
        services=[service],
        script=f"{name}\nDROP TABLE t",
        source=f"@{identifier(name)}/{name}",
        compute=Compute(False, None, name),
    )
    text = render_setup([hostile], settings, name)
    kinds = {type(each).__name__ for each in sqlglot.parse(text, dialect="snowflake") if each}
    assert kinds <= {"Command", "Create", "Grant", "Use", "Alter", "Semicolon"}
    assert not any(line.lstrip().upper().startswith("DROP") for line in text.splitlines())


def test_names_keep_their_quotes_and_their_parts() -> None:
    assert identifier('"My Stage"') == '"My Stage"'
    assert qualified('@OTHER."My Schema".S', "D", "S") == 'OTHER."My Schema".S'
    assert qualified("S2.X", "D", "S") == "D.S2.X"
    assert qualified("X", "D", "S") == "D.S.X"
    assert comment("a\n; DROP") == "-- a ; DROP"


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(MljobError, match="no database: set `database`"):
        render_setup([plan()], Settings(schema="S"), "R")
    with pytest.raises(MljobError, match="may not own jobs"):
        render_setup([plan()], SETTINGS, "accountadmin")


def test_the_command_writes_the_script_of_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mljob.toml").write_text('database = "ML"\nschema = "JOBS"\n')
    Path("train.py").write_text("import wandb\n\nif __name__ == '__main__':\n    print(wandb)\n")
    assert main(["setup", "train.py", "--role", "R"]) == 0
    assert "-- Packages that the runtime image lacks: wandb" in capsys.readouterr().out
    assert main(["setup", "--role", "R", "--output", "missing/setup.sql"]) == 2
    assert "missing/setup.sql: cannot be written" in capsys.readouterr().err
