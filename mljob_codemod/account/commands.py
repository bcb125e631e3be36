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
