"""The command line: options to settings, one call of what checks or converts, a report, an exit status.

What is slow to import (LibCST behind the checks, rich) is imported where it is used, so that ``--help``
and shell completion answer at once.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mljob_codemod import __version__
from mljob_codemod.config import (
    NET_CHOICES,
    Settings,
    common_folder,
    load_settings,
    matches_rule,
    settings_error,
)
from mljob_codemod.errors import InputError, MljobError, ToolFault

if TYPE_CHECKING:
    from rich.progress import Progress

    from mljob_codemod.checking import Report
    from mljob_codemod.converting import ChangeSet

CLEAN, PENDING, FAILED, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses: nothing to do, or done; findings or changes pending; usage or input error; Ctrl-C."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Interrupted(Exception):
    """Ctrl-C, under a name that click does not answer by itself."""


_ELSEWHERE = {
    "setup": "mljob_codemod.account.commands",
    "init": "mljob_codemod.account.commands",
    "job": "mljob_codemod.account.job_commands",
    "run": "mljob_codemod.runtime.command",
}
"""Commands of other packages, by the module that is imported when one is asked for."""


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _ELSEWHERE:
            found: click.Command = getattr(import_module(_ELSEWHERE[cmd_name]), cmd_name)
            return found
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _Interrupted from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal or pipe that knows few characters must not stop a report.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = cli.main(arguments, prog_name="mljob-codemod", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (_Interrupted, click.Abort):
        click.echo("interrupted: every file is whole, some may not have been converted", err=True)
        return INTERRUPTED
    except ToolFault as fault:
        click.echo(f"error: {fault} (a fault of mljob-codemod; nothing was written)", err=True)
        return FAILED
    except MljobError as error:
        click.echo(f"error: {error}", err=True)
        return FAILED
    except BrokenPipeError:
        # The reader has gone; without this, Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PENDING
    return status if isinstance(status, int) else CLEAN


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mljob-codemod")
def cli() -> None:
    """Turn local Python machine learning scripts into Snowflake ML Jobs.

    \b
    Examples:
      mljob-codemod check                  what keeps scripts from running as jobs
      mljob-codemod apply --diff train.py  show the changes, write nothing
      mljob-codemod apply train.py         rewrite it, write submit_job.py beside it
      python submit_job.py --wait          run it in Snowflake

    \b
    Exit status: 0 nothing to do, or done; 1 findings or changes are pending;
    2 a usage or input error.

    \b
    Completion of commands and options, in the start-up file of the shell:
      eval "$(_MLJOB_CODEMOD_COMPLETE=bash_source mljob-codemod)"      # bash
      eval "$(_MLJOB_CODEMOD_COMPLETE=zsh_source mljob-codemod)"       # zsh
      _MLJOB_CODEMOD_COMPLETE=fish_source mljob-codemod | source       # fish
    """


def _codes(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _variable(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.isidentifier():
        raise click.BadParameter(f"{value!r} is no name in Python")
    return value


_COMMON = (
    click.argument("paths", nargs=-1, type=click.Path(path_type=Path)),
    click.option(
        *("--select", "select"), multiple=True, metavar="CODES", callback=_codes,
        help="Only these rules: codes, beginnings of codes (MLJ2) or names; repeat or separate by commas.",
    ),
    click.option(
        *("--ignore", "ignore"), multiple=True, metavar="CODES", callback=_codes,
        help="Not these rules.",
    ),
    click.option(
        "--exclude", multiple=True, metavar="PATTERN",
        help="Leave out files of folders, by patterns as in a .gitignore here; repeatable.",
    ),
    click.option(
        "--force-exclude", is_flag=True,
        help="Leave out excluded files, tests and the like even when they are named (for pre-commit).",
    ),
    click.option(
        "--unsafe-fixes", is_flag=True,
        help="Also apply fixes that may change what the script does outside a job.",
    ),
    click.option(
        *("--return", "return_name"), metavar="NAME", callback=_variable,
        help="Make the variable NAME the job's result, in scripts whose main code is in no function.",
    ),
    click.option(
        "--net", type=click.Choice(list(NET_CHOICES)),
        help="Whether jobs start through job_entry.py, which keeps what no rewrite can.",
    ),
    click.option(
        "--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True,
        help="json is described by a JSON Schema in the package.",
    ),
    click.option(
        "--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
        help="auto: on a terminal, unless NO_COLOR is set; FORCE_COLOR means always.",
    ),
)  # fmt: skip


def _common(command: _Command) -> _Command:
    for decorate in reversed(_COMMON):
        command = decorate(command)
    return command


@cli.command(short_help="Show findings and what would be done; write nothing.")
@_common
@click.option("--show-settings", is_flag=True, help="Print the settings and the files, then stop.")
def check(
    paths: tuple[Path, ...], output_format: str, color: str, show_settings: bool, **options: Any
) -> int:
    """Show what keeps scripts from running as jobs, and what `apply` would do.

    PATHS are scripts or folders (default: this folder). In folders, files that git ignores, tests and
    virtual environments are left out.

    \b
    Examples:
      mljob-codemod check
      mljob-codemod check train.py evaluate.py
      mljob-codemod check src --select MLJ1,MLJ2 --exclude 'legacy/'
      mljob-codemod check --output-format json > report.json
    """
    paths = paths or (Path(),)
    settings = _settings(paths, options)
    if show_settings:
        return _show_settings(paths, settings)
    report = _check(paths, settings)
    if output_format == "json":
        from mljob_codemod.reporting.json import render_json

        click.echo(render_json(report), nl=False)
    else:
        from mljob_codemod.reporting.text import render_findings

        command = apply_command(paths, settings)
        text = render_findings(
            report, command, color=_colored(color), unsafe_fixes=settings.unsafe_fixes
        )
        click.echo(text, nl=False, color=True)
    if _print_errors(report.errors):
        return FAILED
    return PENDING if any(each.level.value != "note" for each in report.findings) else CLEAN


@cli.command(short_help="Rewrite scripts and write submit_job.py.")
@_common
@click.option(
    "--remote",
    metavar="FUNCTION",
    callback=_variable,
    help="Write submit_FUNCTION.py, whose job calls that function of the one file given.",
)
@click.option("--diff", is_flag=True, help="Print the changes as a unified diff; write nothing.")
@click.option(
    "--check", "check_only", is_flag=True, help="Write nothing; exit 1 if anything would change."
)
def apply(
    paths: tuple[Path, ...],
    output_format: str,
    color: str,
    diff: bool,
    check_only: bool,
    **options: Any,
) -> int:
    """Rewrite scripts so that they run as jobs, and write submit_job.py beside them.

    PATHS choose the scripts (default: all below this folder). Modules of the project that a script
    imports are rewritten with it where they write its results. Either all files of a job are written
    or none.

    \b
    Examples:
      mljob-codemod apply --diff
      mljob-codemod apply train.py
      mljob-codemod apply train.py --return model
      mljob-codemod apply train.py --remote fit
      mljob-codemod apply --diff train.py | patch -p1
    """
    if diff and output_format == "json":
        raise click.UsageError("--diff and --output-format json exclude each other")
    paths = paths or (Path(),)
    if options["remote"] and (len(paths) != 1 or not paths[0].is_file()):
        raise click.UsageError("--remote takes one file: the one that defines the function")
    settings = _settings(paths, options)
    report = _check(paths, settings)
    from mljob_codemod.converting import convert

    errors = list(report.errors)
    change_sets = convert(report, settings, errors)
    pending = any(change_set.changes for change_set in change_sets)
    if diff:
        from mljob_codemod.reporting.diff import render_diff

        _write_bytes(render_diff(change_sets, color=_colored(color)))
        for notice in (notice for change_set in change_sets for notice in change_set.notices):
            click.echo(notice, err=True)
        _show_kept(change_sets, color)
    else:
        if not check_only:
            from mljob_codemod.writing import write_change_sets

            change_sets, failed = write_change_sets(change_sets)
            errors += failed
        if output_format == "json":
            from mljob_codemod.reporting.json import render_json

            click.echo(render_json(report, change_sets, errors[len(report.errors) :]), nl=False)
        else:
            from mljob_codemod.reporting.text import render_changes

            text = render_changes(
                report,
                change_sets,
                written=not check_only,
                failed=bool(errors),
                color=_colored(color),
                unsafe_fixes=settings.unsafe_fixes,
            )
            click.echo(text, nl=False, color=True)
            _show_kept(change_sets, color)
    if _print_errors(errors):
        return FAILED
    return PENDING if pending and (diff or check_only) else CLEAN


def _show_kept(change_sets: Sequence[ChangeSet], color: str) -> None:
    """Show on standard error how generated files that a person edited differ from new ones."""
    kept = [change for change_set in change_sets for change in change_set.kept]
    if kept:
        from mljob_codemod.reporting.diff import render_kept

        for change in kept:
            click.echo(render_kept(change, color=_colored(color)), nl=False, err=True)


@cli.command(short_help="Explain a finding and its fix.")
@click.argument("code")
def explain(code: str) -> int:
    """Explain a finding: what it means for a job and how it is fixed.

    CODE is the code or the name of a rule.

    \b
    Example:
      mljob-codemod explain MLJ101
    """
    from mljob_codemod.codemods import all_rules
    from mljob_codemod.reporting.text import render_rule

    for rule in all_rules():
        if code.upper() == rule.code or code == rule.name:
            click.echo(render_rule(rule, color=_colored("auto")), nl=False, color=True)
            return CLEAN
    raise click.UsageError(_no_rule(code))


@cli.command()
def rules() -> None:
    """List all rules: code, level, name and fix."""
    from mljob_codemod.codemods import all_rules
    from mljob_codemod.reporting.text import render_rules

    click.echo(render_rules(all_rules(), color=_colored("auto")), nl=False, color=True)


def _no_rule(choice: str) -> str:
    import difflib

    from mljob_codemod.codemods import all_rules

    known = [word for rule in all_rules() for word in (rule.code, rule.name)]
    near = difflib.get_close_matches(choice, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"no rule {choice!r}; {hint}`mljob-codemod rules` lists all"


def _settings(paths: Sequence[Path], options: dict[str, Any]) -> Settings:
    """Settings of the nearest file with the options that were given on the command line put in."""
    settings = load_settings(common_folder(paths))
    given = {name: value for name, value in options.items() if value}
    if "exclude" in given:
        given["exclude_here"] = given.pop("exclude")
    if "net" in given:
        given["net_here"] = NET_CHOICES[given.pop("net")]
    settings = replace(settings, **given)
    if settings.select or settings.ignore:
        from mljob_codemod.codemods import all_rules

        rules = all_rules()
        for key in ("select", "ignore"):
            for choice in getattr(settings, key):
                if any(matches_rule([choice], rule.code, rule.name) for rule in rules):
                    continue
                if key in given:
                    raise click.UsageError(_no_rule(choice))
                raise settings_error(settings, key, _no_rule(choice))
    return settings


def _show_settings(paths: Sequence[Path], settings: Settings) -> int:
    from mljob_codemod.discovery import discover, shown_path

    source = "none found" if settings.file is None else shown_path(settings.file)
    click.echo(f"# settings file: {source}")
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        if setting.name != "file" and value not in (None, (), {}):
            click.echo(f"{setting.name} = {_as_toml(value)}")
    discovery = discover(paths, settings)
    click.echo(f"# files: {len(discovery.files)}")
    for file in discovery.files:
        click.echo(file.shown)
    return FAILED if _print_errors(discovery.errors) else CLEAN


def _as_toml(value: object) -> str:
    """A setting as TOML has it; those of single scripts without what is not set."""
    if is_dataclass(value):
        set_here = {setting.name: getattr(value, setting.name) for setting in fields(value)}
        value = {
            "return" if name == "return_name" else name: each
            for name, each in set_here.items()
            if each not in (None, (), {})
        }
    if isinstance(value, Mapping):
        keys = {
            key: key if re.fullmatch(r"[\w-]+", key, re.ASCII) else _as_toml(key) for key in value
        }
        return (
            f"{{ {', '.join(f'{keys[key]} = {_as_toml(each)}' for key, each in value.items())} }}"
        )
    return json.dumps(value, ensure_ascii=False)


def _check(paths: Sequence[Path], settings: Settings) -> Report:
    from mljob_codemod.checking import check as find

    with _Progress() as progress:
        return find(paths, settings, progress)


class _Progress:
    """A progress bar on standard error, once a run on a terminal has lasted a second."""

    DELAY = 1.0
    INTERVAL = 0.1

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._drawn = 0.0
        self._terminal = sys.stderr.isatty()
        self._bar: Progress | None = None

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        if not self._terminal or time.monotonic() - self._start < self.DELAY:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress

            # No thread that draws it: one that holds a lock when processes are forked holds it in them for ever.
            self._bar = Progress(console=Console(stderr=True), transient=True, auto_refresh=False)
            self._bar.add_task("Reading", total=total)
            self._bar.start()
        now = time.monotonic()
        draw = done == total or now - self._drawn > self.INTERVAL
        self._drawn = now if draw else self._drawn
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, refresh=draw)


def apply_command(paths: Sequence[Path], settings: Settings) -> str:
    """The command that applies the fixes which ``check`` shows for the same paths and settings."""
    shown = [] if list(paths) == [Path()] else [path.as_posix() for path in paths]
    options = ["--unsafe-fixes"] if settings.unsafe_fixes else []
    options += ["--return", settings.return_name] if settings.return_name else []
    options += [
        part
        for name, net in NET_CHOICES.items()
        if net == settings.net_here
        for part in ("--net", name)
    ]
    return shlex.join(["mljob-codemod", "apply", *options, *shown])


def _colored(choice: str) -> bool:
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _print_errors(errors: Sequence[InputError]) -> bool:
    for error in errors:
        click.echo(f"error: {error}", err=True)
    return bool(errors)


def _write_bytes(content: bytes) -> None:
    """To standard output as they are: a diff holds bytes of files in any encoding."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
