"""The commands around an account: options to calls, results to text."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mljob_codemod.config import common_folder, load_settings
from mljob_codemod.errors import InputError


@click.command(short_help="Write the SQL that prepares an account for the jobs.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--role", required=True, help="The role that will run the jobs.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file instead."
)
def setup(paths: tuple[Path, ...], role: str, output: Path | None) -> int:
    """Write the SQL that an administrator runs once before the jobs of PATHS can run.

    Schema, stage, compute pools, network rules with the exact hosts, integrations and grants; all of it may
    be run again.

    \b
    Examples:
      mljob-codemod setup --role ML_ENGINEER
      mljob-codemod setup train.py --role ML_ENGINEER --output setup.sql
    """
    from mljob_codemod.account.setup import render_setup
    from mljob_codemod.checking import check

    chosen = paths or (Path(),)
    settings = load_settings(common_folder(chosen))
    report = check(chosen, settings)
    if report.errors:
        raise report.errors[0]
    text = render_setup(report.jobs, settings, role)
    if output is None:
        click.echo(text, nl=False)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(str(output), f"cannot be written: {error.strerror}") from error
        click.echo(f"Next: let an administrator run {output}", err=True)
    return 0


@click.command(short_help="Settle connection, schema, stage, pool and integrations.")
@click.option("--connection", help="Name of a connection of connections.toml or config.toml.")
@click.option("--database", help="Where the jobs live.")
@click.option("--schema", help="Where the jobs live.")
@click.option("--stage", help="Where payloads and results go.")
@click.option("--pool", help="The compute pool; the best one otherwise.")
@click.option("--yes", is_flag=True, help="Ask nothing: take what is given and the defaults.")
@click.option("--offline", is_flag=True, help="Do not connect.")
@click.option(
    *("--pools", "pools_file"),
    type=click.Path(path_type=Path, dir_okay=False),
    help="The rows of SHOW COMPUTE POOLS as JSON (snow sql --format json).",
)
@click.option(
    *("--integrations", "integrations_file"),
    type=click.Path(path_type=Path, dir_okay=False),
    help="The rows of SHOW EXTERNAL ACCESS INTEGRATIONS as JSON.",
)
def init(
    connection: str | None,
    database: str | None,
    schema: str | None,
    stage: str | None,
    pool: str | None,
    yes: bool,
    offline: bool,
    pools_file: Path | None,
    integrations_file: Path | None,
) -> int:
    """Settle the settings of this project, and write them to pyproject.toml or mljob.toml.

    Connections come from the connector's files, pools and integrations from the account, or from saved rows where
    there is none at hand. The file keeps its formatting.

    \b
    Examples:
      mljob-codemod init
      mljob-codemod init --yes --offline --database ML --schema JOBS --stage ML_JOBS
    """
    from mljob_codemod.account.init import Answers, settle, write_settings

    given = Answers(connection, database, schema, stage, pool)
    ask = None if yes else _ask
    values, notes = settle(Path(), given, ask, offline, pools_file, integrations_file)
    for note in notes:
        click.echo(note, err=True)
    file = write_settings(Path(), values)
    click.echo(f"wrote {file}")
    return 0


def _ask(question: str, default: str | None) -> str | None:
    answer = click.prompt(question, default=default or "", show_default=bool(default), err=True)
    return str(answer) or None


@click.group(short_help="The life of a job after conversion.")
def job() -> None:
    """What happens to a job after conversion."""


@job.command(short_help="Name the cause of a failure from a log.")
@click.argument("log", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print the diagnoses as JSON.")
def diagnose(log: Path, as_json: bool) -> int:
    """Name the cause of a job's failure, and the remedy, from its saved LOG (- reads standard input).

    \b
    Example:
      python submit_job.py --wait 2>&1 | mljob-codemod job diagnose -

    Exit status: 0 a cause was found; 1 none is known for this log.
    """
    import json
    import sys

    from mljob_codemod.diagnosis import diagnose as find
    from mljob_codemod.diagnosis import render_diagnosis

    try:
        data = sys.stdin.buffer.read() if str(log) == "-" else log.read_bytes()
    except OSError as error:
        raise InputError(str(log), f"cannot be read: {error.strerror}") from error
    found = find(data.decode("utf-8", errors="replace"))
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
    else:
        click.echo(render_diagnosis(found), nl=False)
    return 0 if found else 1
