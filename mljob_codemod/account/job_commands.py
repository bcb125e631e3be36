"""The commands about jobs that were submitted: options to calls, results to text."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mljob_codemod.account.printing import as_json_option, print_json, print_table
from mljob_codemod.config import load_settings
from mljob_codemod.errors import InputError, MljobError

if TYPE_CHECKING:
    from rich.status import Status

    from mljob_codemod.account.jobs import Jobs

_job_id = click.argument("job_id", required=False)


@click.group(short_help="The life of a job after conversion.")
def job() -> None:
    """What happens to a job after conversion. Without JOB_ID, commands are about the last job submitted from here."""


def _here() -> Path:
    """The project's folder, where its jobs are remembered."""
    return load_settings(Path()).folder


def _open(job_id: str | None) -> tuple[Jobs, Any]:
    """The account's jobs, and the one that a command is about."""
    from mljob_codemod.account.jobs import chosen_id

    chosen = chosen_id(_here(), job_id)
    jobs = _jobs()
    return jobs, jobs.get(chosen)


def _jobs() -> Jobs:
    from mljob_codemod.account.jobs import Jobs

    settings = load_settings(Path())
    return Jobs(settings.connection, settings.database, settings.schema)


def _tell(told: dict[str, Any], as_json: bool) -> None:
    """An id and a status."""
    if as_json:
        print_json(told)
    else:
        click.echo(f"{told['id']}: {told['status']}")


def _waiting(text: str) -> Status:
    """A sign of life on standard error, on a terminal, while something lasts."""
    from rich.console import Console

    return Console(stderr=True, markup=False).status(text)


class _Submit(click.Command):
    """A command whose one argument may be missing, although arguments of the script follow behind "--"."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        ctx.obj = args[end + 1 :]
        return super().parse_args(ctx, args[:end])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "[-- ARGUMENTS]"]


@job.command(cls=_Submit, short_help="Submit through the generated submit_job.py.")
@click.argument("script", type=click.Path(path_type=Path), required=False)
@click.option("--wait", is_flag=True, help="Follow the job; explain its failure.")
@as_json_option
@click.pass_obj
def submit(arguments: list[str], script: Path | None, wait: bool, as_json: bool) -> int:
    """Submit SCRIPT through the submit_job.py beside it; what comes after "--" goes to the script.

    SCRIPT may be a generated submission itself, such as that of a single function.

    \b
    Examples:
      mljob-codemod job submit train.py --wait -- --epochs 3
      mljob-codemod job submit submit_fit.py -- epochs=3

    Exit status: 0 submitted, and with --wait DONE; 1 the job failed; 2 it cannot be submitted.
    """
    from mljob_codemod.account import jobs
    from mljob_codemod.diagnosis import diagnose as find
    from mljob_codemod.diagnosis import render_diagnosis

    submission, named, several = jobs.submission_of(script)
    given = [*([named] if several else []), *(["--wait"] if wait else []), "--", *arguments]
    with _waiting(f"submitting {named}") as sign:

        def show(line: str) -> None:
            sign.stop()  # while a line is printed; two at once would mix
            click.echo(line, nl=False, err=as_json)
            sign.start()
            sign.update("waiting for the job")

        submitted = jobs.submit(submission, given, show)
    if submitted.id is not None:
        shown = Path(os.path.relpath(submission.with_name(named), _here())).as_posix()
        jobs.remember(_here(), submitted.id, shown)
    failed = submitted.exit_status != 0
    causes = find(submitted.output, load_settings(Path()).integrations) if failed else []
    if as_json:
        told = {"id": submitted.id, "status": submitted.status}
        print_json({**told, "diagnosis": [asdict(each) for each in causes]})
    elif causes or (failed and submitted.id is not None):
        click.echo(render_diagnosis(causes), nl=False)
    return submitted.exit_status


@job.command(short_help="Status of a job.")
@_job_id
@as_json_option
def status(job_id: str | None, as_json: bool) -> int:
    """Status of JOB_ID."""
    jobs, found = _open(job_id)
    _tell({"id": found.id, "status": jobs.status(found)}, as_json)
    return 0


@job.command(short_help="What a job has printed.")
@_job_id
@click.option("--follow", is_flag=True, help="Go on until the job ends.")
@click.option("--instance", type=int, help="Of this node.")
@click.option("--verbose", is_flag=True, help="Also what pip and the start of the job print.")
@as_json_option
def logs(
    job_id: str | None, follow: bool, instance: int | None, verbose: bool, as_json: bool
) -> int:
    """The log of JOB_ID. With --json, one object; with --follow too, when the job has ended."""
    jobs, found = _open(job_id)
    if follow:
        lines = []
        for line in jobs.new_lines(found, instance, 5.0):
            lines.append(line)
            if not as_json:
                click.echo(line, nl=line[-1:] != "\n")
        text = "".join(lines)
    else:
        text = jobs.log(found, instance, verbose=verbose)
        if not as_json:
            click.echo(text)
    if as_json:
        print_json({"id": found.id, "log": text})
    return 0


@job.command(short_help="The value that a job recorded.")
@_job_id
@as_json_option
def result(job_id: str | None, as_json: bool) -> int:
    """What `job.result()` gives; waits for the job. Exit status 1 with the job's own error where it failed."""
    _, found = _open(job_id)
    try:
        with _waiting(f"waiting for {found.id}"):
            value = found.result()
    except Exception as error:  # the job's own error is raised again, whatever it is
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        return 1
    if as_json:
        print_json(value)
    else:
        click.echo(repr(value))
    return 0


@job.command(short_help="List or download what a job left.")
@_job_id
@click.option(
    "--download", type=click.Path(path_type=Path, file_okay=False), help="Into this folder."
)
@as_json_option
def artifacts(job_id: str | None, download: Path | None, as_json: bool) -> int:
    """The files below the result path of JOB_ID."""
    jobs, found = _open(job_id)
    listed = jobs.artifacts(found)
    if download is not None:
        from rich.console import Console
        from rich.progress import DownloadColumn, Progress, TextColumn

        columns = (*Progress.get_default_columns(), DownloadColumn(), TextColumn(str(download)))
        console = Console(stderr=True)
        with Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as progress:
            task = progress.add_task("fetching", total=sum(each["size"] for each in listed))
            jobs.download(found, download, listed, lambda size: progress.advance(task, size))
    if as_json:
        print_json(listed)
    elif listed:
        print_table(("size", "name"), [{**each, "size": f"{each['size']:,}"} for each in listed])
        if download is not None:
            click.echo(f"in {download}", err=True)
    else:
        click.echo(f"{found.id} left no files", err=True)
    return 0


@job.command("list", short_help="The jobs of the schema, or of this project.")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True)
@click.option("--here", is_flag=True, help="Only those submitted from here; needs no account.")
@as_json_option
def list_(limit: int, here: bool, as_json: bool) -> int:
    """The newest jobs."""
    from mljob_codemod.account.jobs import remembered

    if here:
        rows = [asdict(each) for each in reversed(remembered(_here()))][:limit]
        columns: tuple[str, ...] = ("id", "script", "submitted")
    else:
        rows = _jobs().listed(limit)
        columns = ("name", "status", "compute_pool", "nodes", "created")
    if as_json:
        print_json(rows)
    elif rows:
        told = (
            {**row, "nodes": row.get("target_instances", ""), "created": _minute(row)}
            for row in rows
        )
        print_table(columns, told)
    else:
        click.echo("no jobs", err=True)
    return 0


def _minute(row: dict[str, Any]) -> str:
    return str(row.get("created_time", ""))[:16]


@job.command(short_help="Wait for the end of a job.")
@_job_id
@click.option("--timeout", type=float, default=-1, help="Seconds; without end by default.")
@as_json_option
def wait(job_id: str | None, timeout: float, as_json: bool) -> int:
    """Wait for JOB_ID; exit status 0 for DONE, 1 for any other end."""
    jobs, found = _open(job_id)
    with _waiting(f"waiting for {found.id}"):
        ended = jobs.wait(found, timeout)
    _tell({"id": found.id, "status": ended}, as_json)
    return 0 if ended == "DONE" else 1


@job.command(short_help="Stop a job.")
@_job_id
@as_json_option
def cancel(job_id: str | None, as_json: bool) -> int:
    """Stop JOB_ID."""
    jobs, found = _open(job_id)
    jobs.cancel(found)
    _tell({"id": found.id, "status": jobs.status(found)}, as_json)
    return 0


@job.command(short_help="Delete a job with its results.")
@click.argument("job_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json_option
def delete(job_id: str, yes: bool, as_json: bool) -> int:
    """Delete JOB_ID: its payload, its result and its artifacts go with it."""
    jobs, found = _open(job_id)
    if not yes:
        click.confirm(f"delete {job_id} with its results and artifacts?", abort=True, err=True)
    jobs.delete(found)
    _tell({"id": found.id, "status": "DELETED"}, as_json)
    return 0


@job.command(short_help="Name the cause of a failure.")
@click.argument("subject", metavar="[JOB_ID|LOG]", required=False)
@as_json_option
def diagnose(subject: str | None, as_json: bool) -> int:
    """Name the cause of a job's failure, and the remedy: from the job itself, or from a saved LOG (- reads standard input).

    \b
    Examples:
      mljob-codemod job diagnose
      mljob-codemod job diagnose LOCAL.JOBS.TRAIN_1A2B3C4D
      python submit_job.py --wait 2>&1 | mljob-codemod job diagnose -

    Exit status: 0 a cause was found; 1 none is known.
    """
    from mljob_codemod.diagnosis import diagnose as find
    from mljob_codemod.diagnosis import render_diagnosis

    found = find(_what_happened(subject), load_settings(Path()).integrations)
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        click.echo(render_diagnosis(found), nl=False)
    return 0 if found else 1


def _what_happened(subject: str | None) -> str:
    """The text of a log, or what an account tells of a job."""
    if subject == "-":
        return sys.stdin.buffer.read().decode("utf-8", errors="replace")
    if subject is not None and (Path(subject).exists() or "/" in subject):
        try:
            return Path(subject).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise InputError(subject, f"cannot be read: {error.strerror}") from error
    jobs, found = _open(subject)
    if jobs.status(found) == "DONE":
        raise MljobError(f"{found.id} is DONE: there is nothing to explain")
    return jobs.account_of(found)
