"""The command ``run``: options to a run, its outcome to text and an exit status."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from mljob_codemod.config import NET_CHOICES, common_folder, load_settings


@click.command(short_help="Run a script as a job on this machine.")
@click.argument("script", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--compare", is_flag=True, help="Also run the script before and after, outside a job."
)
@click.option(
    "--result-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the artifacts here.",
)
@click.option("--keep", is_flag=True, help="Leave stages, payload and log behind, and say where.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End the job after so long.",
)
@click.option(
    "--no-install", is_flag=True, help="Install nothing: the job uses this Python's packages."
)
@click.option(
    "--no-network",
    is_flag=True,
    help="Without egress, as a job without integrations; names the hosts asked for.",
)
@click.option(
    "--memory",
    type=click.FloatRange(min=0, min_open=True),
    metavar="GIB",
    help="Memory that the job may use.",
)
@click.option(
    "--cpus", type=click.FloatRange(min=0, min_open=True), help="Cores that the job may use."
)
@click.option(
    "--instance-family",
    metavar="NAME",
    help="Memory and cores of this family's nodes; 'plan' for the one that check names.",
)
@click.option(
    "--net",
    type=click.Choice(list(NET_CHOICES)),
    help="Whether the job starts through job_entry.py, which keeps what no rewrite can.",
)
@click.option(
    "--python",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The interpreter with the client (default: this one).",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the outcome as JSON, and the script's output to standard error.",
)
def run(
    script: Path,
    arguments: tuple[str, ...],
    compare: bool,
    result_dir: Path | None,
    keep: bool,
    timeout: float | None,
    no_install: bool,
    no_network: bool,
    memory: float | None,
    cpus: float | None,
    instance_family: str | None,
    net: str | None,
    python: Path | None,
    as_json: bool,
) -> int:
    """Run SCRIPT as a job on this machine: its submit_job.py, the real client, the real launcher.

    Folders stand for stages, and a process for the compute pool. A script that is not converted yet is converted in
    a copy; nothing beside it is changed. What comes after "--" goes to the script.

    \b
    Examples:
      mljob-codemod run train.py
      mljob-codemod run train.py --result-dir out -- --epochs 1
      mljob-codemod run --compare --no-network train.py

    Exit status: 0 the job went well; 1 it failed, or --compare found a difference; 2 it cannot be submitted.
    """
    from mljob_codemod.runtime.pool import PoolOptions
    from mljob_codemod.runtime.preload import cache_folder
    from mljob_codemod.runtime.report import ScriptOutput, render_run
    from mljob_codemod.runtime.run import RunOptions, run_job

    output = ScriptOutput()

    def show(text: str) -> None:
        click.echo(output(text), nl=False, err=as_json)

    pool = PoolOptions(
        # Not resolved: a virtual environment is known by the name of its interpreter.
        (python or Path(sys.executable)).absolute(),
        cache_folder(),
        install=not no_install,
        network=not no_network,
        memory=None if memory is None else int(memory * 2**30),
        cpus=cpus,
        timeout=timeout,
    )
    settings = load_settings(common_folder([script]))
    if net is not None:
        settings = replace(settings, net_here=NET_CHOICES[net])
    try:
        with _ended_by_sigterm():
            outcome = run_job(
                script,
                arguments,
                settings,
                RunOptions(pool, compare, keep, result_dir, instance_family),
                lambda text: click.echo(f"{text} …", err=True),
                show,
            )
    except KeyboardInterrupt:
        click.echo("interrupted: the job is ended", err=True)
        return 130  # as a shell tells it
    click.echo(outcome.as_json() if as_json else render_run(outcome), nl=as_json)
    return 0 if outcome.went_well else 1


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """End as by Ctrl-C: a job is a session of its own, which nobody else would end."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
