"""The commands that prepare an account and a project: options to calls, results to text."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mljob_codemod.account.printing import as_json_option, print_json
from mljob_codemod.config import common_folder, load_settings
from mljob_codemod.errors import InputError


def _pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for service, equals, name in pairs:
        if not (service and equals and name):
            raise click.BadParameter(f"{service + equals + name!r} is not SERVICE=NAME")
    return {service: name for service, _, name in pairs}


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
@click.option(
    *("--integration", "integrations"),
    multiple=True,
    metavar="SERVICE=NAME",
    callback=_pairs,
    help="The external access integration for a service; repeatable.",
)
@click.option("--yes", is_flag=True, help="Ask nothing: take what is given and the defaults.")
@click.option("--offline", is_flag=True, help="Do not connect.")
@click.option(
    "--pools",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The rows of SHOW COMPUTE POOLS as JSON (snow sql --format json).",
)
@click.option(
    "--integrations",
    "integrations_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The rows of SHOW EXTERNAL ACCESS INTEGRATIONS as JSON, and of DESCRIBE.",
)
@as_json_option
def init(
    connection: str | None,
    database: str | None,
    schema: str | None,
    stage: str | None,
    pool: str | None,
    integrations: dict[str, str],
    yes: bool,
    offline: bool,
    pools: Path | None,
    integrations_file: Path | None,
    as_json: bool,
) -> int:
    """Settle the settings of this project, and write them to pyproject.toml or mljob.toml.

    Connections come from the connector's files, pools and integrations from the account, or from saved rows where
    there is none at hand. The file keeps its formatting.

    \b
    Examples:
      mljob-codemod init
      mljob-codemod init --yes --offline --database ML --schema JOBS --stage ML_JOBS
    """
    from rich.console import Console

    from mljob_codemod.account.init import Answers, Source, settle, write_settings

    given = Answers(connection, database, schema, stage, pool, integrations)
    console = Console(stderr=True, highlight=False, markup=False)
    source = Source(offline, pools, integrations_file)
    settled = settle(Path(), given, None if yes else _ask, source, console.print)
    file = write_settings(Path(), settled.values)
    if as_json:
        told = {
            "file": str(file),
            "settings": settled.values,
            "pools": [{**asdict(each), "usable": each.usable} for each in settled.pools],
            "integrations": [asdict(match) for match in settled.integrations],
        }
        print_json(told)
    else:
        click.echo(f"wrote {file}")
    return 0


def _ask(question: str, default: str | None) -> str | None:
    answer = click.prompt(question, default=default or "", show_default=bool(default), err=True)
    return str(answer) or None
