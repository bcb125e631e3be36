"""The commands around an account: options to calls, results to text."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mljob_codemod.config import common_folder, load_settings
from mljob_codemod.errors import InputError

if TYPE_CHECKING:
    from mljob_codemod.account.jobs import Jobs


_job_id = click.argument("job_id", required=False)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _print(value: object) -> None:
    import json

    click.echo(json.dumps(value, indent=2, default=str))


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
@_json
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
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
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
        _print(told)
    else:
        click.echo(f"wrote {file}")
    return 0


def _ask(question: str, default: str | None) -> str | None:
    answer = click.prompt(question, default=default or "", show_default=bool(default), err=True)
    return str(answer) or None


@click.group(short_help="The life of a job after conversion.")
def job() -> None:
    """What happens to a job after conversion."""


def _jobs() -> Jobs:
    settings = load_settings(Path())
    from mljob_codemod.account.jobs import Jobs

    return Jobs(settings.connection, settings.database, settings.schema)


@job.command(short_help="Submit through the generated submit_job.py.")
@click.argument("script", type=click.Path(path_type=Path), required=False)
@click.option("--wait", is_flag=True, help="Follow the job; explain its failure.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def submit(script: Path | None, wait: bool, arguments: tuple[str, ...]) -> int:
    """Submit SCRIPT through the submit_job.py beside it; what comes after "--" goes to the script.

    \b
    Example:
      mljob-codemod job submit train.py --wait -- --epochs 3
    """
    from mljob_codemod.account import jobs
    from mljob_codemod.diagnosis import diagnose as find
    from mljob_codemod.diagnosis import render_diagnosis
    from mljob_codemod.runtime.run import scripts_of
    from mljob_codemod.submission import FILE_NAME

    folder = Path() if script is None else script.parent
    submission = folder / FILE_NAME
    several = submission.is_file() and len(scripts_of(submission)) > 1
    if several and script is None:
        raise click.UsageError(
            f"{submission} submits {', '.join(scripts_of(submission))}: name one"
        )
    name = [script.name] if several and script is not None else []
    output: list[str] = []

    def show(line: str) -> None:
        output.append(line)
        click.echo(line, nl=False)

    job_id, status = jobs.submit(
        submission, [*name, *(["--wait"] if wait else []), "--", *arguments], show
    )
    if job_id is not None:
        jobs.remember(Path(), job_id, str(script or folder))
    if status == 1 and wait:
        click.echo(render_diagnosis(find("".join(output))), nl=False)
    return status


@job.command(short_help="Status of a job.")
@_job_id
@_json
def status(job_id: str | None, as_json: bool) -> int:
    """Status of JOB_ID, or of the last job submitted from here."""
    from mljob_codemod.account.jobs import chosen_id

    found = _jobs().get(chosen_id(Path(), job_id))
    told = {"id": found.id, "status": str(found.status)}
    _print(told) if as_json else click.echo(f"{told['id']}: {told['status']}")
    return 0


@job.command(short_help="What a job has printed.")
@_job_id
@click.option("--follow", is_flag=True, help="Go on until the job ends.")
@click.option("--instance", type=int, help="Of this node.")
@click.option("--verbose", is_flag=True, help="Also what pip and the start of the job print.")
def logs(job_id: str | None, follow: bool, instance: int | None, verbose: bool) -> int:
    """The log of JOB_ID, or of the last job submitted from here."""
    from mljob_codemod.account.jobs import chosen_id, new_lines

    found = _jobs().get(chosen_id(Path(), job_id))
    if follow:
        for line in new_lines(found, instance, 5.0):
            click.echo(line, nl=False)
    else:
        click.echo(found.get_logs(instance_id=instance, verbose=verbose))
    return 0


@job.command(short_help="The value that a job recorded.")
@_job_id
@_json
def result(job_id: str | None, as_json: bool) -> int:
    """What `job.result()` gives; exit status 1 with the job's own error where it failed."""
    from mljob_codemod.account.jobs import chosen_id

    found = _jobs().get(chosen_id(Path(), job_id))
    try:
        value = found.result()
    except (RuntimeError, ValueError) as error:
        click.echo(f"error: {error}", err=True)
        return 1
    _print(value) if as_json else click.echo(repr(value))
    return 0


@job.command(short_help="List or download what a job left.")
@_job_id
@click.option(
    "--download", type=click.Path(path_type=Path, file_okay=False), help="Into this folder."
)
@_json
def artifacts(job_id: str | None, download: Path | None, as_json: bool) -> int:
    """The files below the job's result path."""
    from mljob_codemod.account.jobs import chosen_id

    jobs = _jobs()
    found = jobs.get(chosen_id(Path(), job_id))
    if download is not None:
        jobs.download(found, download, lambda name: click.echo(name, err=as_json))
    listed = jobs.artifacts(found)
    if as_json:
        _print(listed)
    elif download is None:
        for each in listed:
            click.echo(f"{each['size']:>12,}  {each['name']}")
    return 0


@job.command("list", short_help="The jobs of the schema, or of this project.")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True)
@click.option("--here", is_flag=True, help="Only those submitted from here; needs no account.")
@_json
def list_(limit: int, here: bool, as_json: bool) -> int:
    """The newest jobs."""
    from mljob_codemod.account.jobs import remembered

    if here:
        rows = [asdict(each) for each in reversed(remembered(Path()))][:limit]
        columns = ("id", "script", "submitted")
    else:
        rows = _jobs().listed(limit)
        columns = ("name", "status", "compute_pool")
    if as_json:
        _print(rows)
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(row.get(column, "")) for column in columns))
    Console(highlight=False, markup=False).print(table)
    return 0


@job.command(short_help="Wait for the end of a job.")
@_job_id
@click.option("--timeout", type=float, default=-1, help="Seconds; without end by default.")
def wait(job_id: str | None, timeout: float) -> int:
    """Wait for JOB_ID; exit status 0 for DONE, 1 for any other end."""
    from mljob_codemod.account.jobs import chosen_id

    found = _jobs().get(chosen_id(Path(), job_id))
    try:
        ended = str(found.wait(timeout))
    except TimeoutError as error:
        click.echo(f"error: {error}", err=True)
        return 1
    click.echo(f"{found.id}: {ended}")
    return 0 if ended == "DONE" else 1


@job.command(short_help="Stop a job.")
@_job_id
def cancel(job_id: str | None) -> int:
    """Stop JOB_ID, or the last job submitted from here."""
    from mljob_codemod.account.jobs import chosen_id

    found = _jobs().get(chosen_id(Path(), job_id))
    found.cancel()
    click.echo(f"{found.id}: {found.status}")
    return 0


@job.command(short_help="Delete a job with its results.")
@click.argument("job_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(job_id: str, yes: bool) -> int:
    """Delete JOB_ID: its payload, its result and its artifacts go with it."""
    from snowflake.ml.jobs import delete_job

    jobs = _jobs()
    found = jobs.get(job_id)
    if not yes:
        click.confirm(f"delete {job_id} with its results and artifacts?", abort=True, err=True)
    delete_job(found, session=jobs.session)
    click.echo(f"{job_id}: deleted")
    return 0


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
