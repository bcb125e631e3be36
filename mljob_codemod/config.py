"""Settings: ``[tool.mljob-codemod]`` in the nearest pyproject.toml, or an ``mljob.toml``.

The dataclasses below are the one list of valid keys: their fields, with the types they carry, are what
a settings file may say. Errors name the file, the line and the nearest valid key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass

NET_CHOICES: dict[str, bool | str] = {"auto": "auto", "true": True, "false": False}
"""What the option ``--net`` may say, and the setting that it stands for."""
PIN_SOURCES = ("declared", "environment", "none")
TABLE = ("tool", "mljob-codemod")
"""Where the settings stand in a pyproject.toml; in mljob.toml they stand at the top."""


@dataclass(frozen=True)
class JobSettings:
    """What is settled for one script alone; None leaves the choice to the general settings."""

    args: tuple[str, ...] = ()
    """Arguments that the submission passes to the script before those of its own command line."""
    return_name: str | None = None
    """Variable to return from the job (the key is ``return``)."""
    root: str | None = None
    """Folder that becomes the payload, relative to the settings file."""
    source: str | None = None
    """Where that folder lies on a stage: the job takes it from there, and nothing is sent."""
    compute_pool: str | None = None
    query_warehouse: str | None = None
    target_instances: int | None = None
    min_instances: int | None = None
    net: bool | str | None = None
    env_vars: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the job, besides the general ones."""


@dataclass(frozen=True)
class Settings:
    """All settings of one run: those of the settings file, overridden by the command line."""

    connection: str | None = None
    database: str | None = None
    schema: str | None = None
    stage: str | None = None
    compute_pool: str | None = None
    query_warehouse: str | None = None
    integrations: Mapping[str, str] = field(default_factory=dict)
    """External access integrations by the name of the service they are for."""
    target_instances: int | None = None
    """Nodes of the job; None takes what the script's own code asks for."""
    min_instances: int | None = None
    net: bool | str | None = None
    """Whether jobs start through the job entry; ``"auto"``, and None, where that keeps something."""
    env_vars: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of every job."""
    net_seconds: int = 300
    """Seconds between two copies of finished files by the job entry."""
    runtime: str | None = None
    """Release of the runtime image, such as ``"2.10"``; None takes the newest."""
    python: str | None = None
    """Python of the job, such as ``"3.11"``: the one that ``submit_job.py`` is run with."""
    pins: str = "declared"
    """Where versions come from: ``"declared"`` (requirement and lock files), ``"environment"`` where those
    settle none, ``"none"``."""
    payload_megabytes: int = 1000
    """From here on, what is sent with a script is said to be large."""
    exclude: tuple[str, ...] = ()
    """Patterns as in a .gitignore that stands beside the settings file."""
    extend_rules: tuple[str, ...] = ()
    """Files with rules of one's own, relative to the settings file (the key is ``extend-rules`` too)."""
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    unsafe_fixes: bool = False
    jobs: Mapping[str, JobSettings] = field(default_factory=dict)
    """Settings of single scripts by their path relative to the settings file, with ``/``."""
    return_name: str | None = None
    """Variable to return, for every script without a setting of its own (``--return``)."""
    remote: str | None = None
    """Function of the one given file that the job calls, instead of running the file (``--remote``)."""
    net_here: bool | str | None = None
    """Before all settings of the same kind, those of single scripts included (``--net``)."""
    exclude_here: tuple[str, ...] = ()
    """Patterns of ``--exclude``: as in a .gitignore in the working directory."""
    force_exclude: bool = False
    """Leave excluded files alone even when they are named one by one (for pre-commit)."""
    file: Path | None = None
    """The settings file; None where there is none."""

    @property
    def folder(self) -> Path:
        """The folder that ``exclude``, ``jobs`` and ``root`` are relative to."""
        return self.file.parent if self.file is not None else Path.cwd()

    def job(self, script: Path) -> JobSettings:
        """What holds for ``script``: the command line, then its own settings, then the general ones."""
        relative = Path(os.path.relpath(script.absolute(), self.folder.absolute())).as_posix()
        own = self.jobs.get(relative, JobSettings())
        target = own.target_instances or self.target_instances
        least = own.min_instances or self.min_instances
        nets = (self.net_here, own.net, self.net)
        return replace(
            own,
            return_name=self.return_name or own.return_name,
            compute_pool=own.compute_pool or self.compute_pool,
            query_warehouse=own.query_warehouse or self.query_warehouse,
            target_instances=target,
            # A job that asks for fewer nodes than are usual cannot wait for the usual number.
            min_instances=least if least is None or target is None else min(least, target),
            net=next((net for net in nets if net is not None), None),
            env_vars={**self.env_vars, **own.env_vars},
        )

    @property
    def image(self) -> str | None:
        """The tag of the runtime image that jobs ask for; None takes the newest."""
        if self.runtime is None or self.python is None:
            return self.runtime
        return f"{self.runtime}-py{self.python.replace('.', '')}"

    @property
    def rule_files(self) -> tuple[Path, ...]:
        """The files of ``extend_rules``."""
        return tuple(self.folder / file for file in self.extend_rules)

    def net_of(self, script: Path) -> bool | None:
        """Whether ``script`` starts through the job entry; None leaves it to the plan."""
        chosen = self.job(script).net
        return chosen if isinstance(chosen, bool) else None

    def is_selected(self, code: str, name: str) -> bool:
        """Whether findings of the rule ``code``, called ``name``, are wanted; ``ignore`` wins."""
        wanted = not self.select or matches_rule(self.select, code, name)
        return wanted and not matches_rule(self.ignore, code, name)


def matches_rule(choices: Iterable[str], code: str, name: str) -> bool:
    """Whether one of ``choices`` is the rule's name or the beginning of its code."""
    return any(choice == name or code.startswith(choice.upper()) for choice in choices)


def common_folder(paths: Sequence[Path]) -> Path:
    """The deepest folder that holds all of ``paths``, where the search for settings starts."""
    folders = [path if os.path.isdir(path) else path.parent for path in map(Path.absolute, paths)]
    return Path(os.path.commonpath(folders)) if folders else Path.cwd()


def load_settings(start: Path) -> Settings:
    """Settings of the file nearest to the folder ``start``, going up; defaults where there is none."""
    start = Path(os.path.abspath(start))
    for folder in (start, *start.parents):
        own, project = folder / "mljob.toml", folder / "pyproject.toml"
        # A pyproject.toml of some other project must not stop the run, so it is parsed only if it
        # can hold the table.
        table = _read_table(project, TABLE) if _mentions(project, TABLE[-1]) else None
        if own.is_file():
            if table is not None:
                raise ConfigError(
                    _shown(own),
                    "pyproject.toml beside it holds [tool.mljob-codemod] too; keep one of the two",
                )
            return _read_settings(own, _read_table(own, ()), ())
        if table is not None:
            return _read_settings(project, table, TABLE)
    return Settings()


def _shown(path: Path) -> str:
    return Path(os.path.relpath(path)).as_posix()


def _mentions(path: Path, word: str) -> bool:
    try:
        return word.encode() in path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return False
    except OSError as error:
        raise ConfigError(_shown(path), f"cannot be read: {error.strerror}") from error


def _parse_toml(text: str) -> dict[str, Any]:
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(_shown(path), "is not UTF-8, as TOML must be") from error
    except OSError as error:
        raise ConfigError(_shown(path), f"cannot be read: {error.strerror}") from error


def _read_table(path: Path, keys: tuple[str, ...]) -> dict[str, Any] | None:
    """The table under ``keys``; None if the file has none."""
    try:
        value: Any = _parse_toml(_read_text(path))
    except ValueError as error:  # the decoding error of tomllib and tomli alike
        place = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        message = str(error)[: place.start()] if place else str(error)
        line = int(place[1]) if place else None
        raise ConfigError(_shown(path), f"is not valid TOML: {message}", line=line) from error
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    if not isinstance(value, dict):
        raise ConfigError(_shown(path), f"{'.'.join(keys)} must be a table")
    return value


@dataclass(frozen=True)
class _Reader:
    """Takes values out of one settings file and knows where to point when they are wrong."""

    path: Path

    def fail(self, keys: tuple[str, ...], message: str) -> ConfigError:
        lines = key_lines(_read_text(self.path))
        line = next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), None)
        return ConfigError(_shown(self.path), message, line=line)

    def fields(
        self,
        table: Mapping[str, Any],
        keys: tuple[str, ...],
        readers: Mapping[str, Callable[[tuple[str, ...], Any], Any]],
    ) -> dict[str, Any]:
        """Values of ``table``, each through the reader that ``readers`` has for its key."""
        values = {}
        for key, value in table.items():
            if key not in readers:
                import difflib  # here, since it is slow to import and mistakes are rare

                near = difflib.get_close_matches(key.replace("-", "_"), readers, n=1, cutoff=0.5)
                known = f"did you mean {near[0]!r}?" if near else f"valid are {', '.join(readers)}"
                raise self.fail((*keys, key), f"unknown setting {key!r}; {known}")
            values[key] = readers[key]((*keys, key), value)
        return values

    def wrong(self, keys: tuple[str, ...], expected: str, value: object) -> ConfigError:
        return self.fail(keys, f"{keys[-1]!r} must be {expected}, not {_toml_type(value)}")

    def string(self, keys: tuple[str, ...], value: object) -> str:
        if not isinstance(value, str):
            raise self.wrong(keys, "a string", value)
        if not value.strip():
            raise self.fail(keys, f"{keys[-1]!r} must not be empty; leave it out instead")
        return value

    def name(self, keys: tuple[str, ...], value: object) -> str:
        text = self.string(keys, value)
        if not text.isidentifier():
            raise self.fail(keys, f"{keys[-1]!r} must be the name of a variable, not {text!r}")
        return text

    def stage_path(self, keys: tuple[str, ...], value: object) -> str:
        text = self.string(keys, value)
        if not text.startswith("@"):
            raise self.fail(
                keys, f'{keys[-1]!r} must be a place on a stage such as "@CODE/project"'
            )
        return text.rstrip("/")

    def switch(self, keys: tuple[str, ...], value: object) -> bool:
        if not isinstance(value, bool):
            raise self.wrong(keys, "true or false", value)
        return value

    def net(self, keys: tuple[str, ...], value: object) -> bool | str:
        if not isinstance(value, bool) and value != "auto":
            raise self.fail(keys, f'{keys[-1]!r} must be true, false or "auto"')
        return value

    def version(self, keys: tuple[str, ...], value: object) -> str:
        text = self.string(keys, value)
        if not re.fullmatch(r"\d+(?:\.\d+)*", text):
            raise self.fail(keys, f'{keys[-1]!r} must be a version such as "3.11", not {text!r}')
        return text

    def pins(self, keys: tuple[str, ...], value: object) -> str:
        if value not in PIN_SOURCES:
            raise self.fail(keys, f"{keys[-1]!r} must be one of {', '.join(PIN_SOURCES)}")
        return str(value)

    def count(self, keys: tuple[str, ...], value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(keys, "a whole number", value)
        if value < 1:
            raise self.fail(keys, f"{keys[-1]!r} must be 1 or more, not {value}")
        return value

    def strings(self, keys: tuple[str, ...], value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise self.wrong(keys, "a list of strings", value)
        for item in value:
            if not isinstance(item, str):
                raise self.wrong(keys, "a list of strings", [item])
        return tuple(value)

    def table(self, keys: tuple[str, ...], value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong(keys, "a table", value)
        return value

    def integrations(self, keys: tuple[str, ...], value: object) -> dict[str, str]:
        table = self.table(keys, value)
        return {service: self.string((*keys, service), table[service]) for service in table}

    def variables(self, keys: tuple[str, ...], value: object) -> dict[str, str]:
        """Environment variables, all of them texts: the client would hand on a number as such."""
        table = self.table(keys, value)
        for name, given in table.items():
            if not isinstance(given, str):
                raise self.wrong((*keys, name), "a string", given)
            if not name or "=" in name or "\0" in name + given:
                raise self.fail((*keys, name), f"{name!r} cannot be an environment variable")
        return table

    def instances(self, table: Mapping[str, Any], keys: tuple[str, ...], general: object) -> None:
        """Refuse a ``min_instances`` above the ``target_instances`` that go with it."""
        target = table.get("target_instances", general)
        if isinstance(target, int) and table.get("min_instances", 1) > target:
            at = (*keys, "min_instances")
            raise self.fail(at, f"'min_instances' must not be above {target} (target_instances)")


def _read_settings(path: Path, table: Mapping[str, Any] | None, keys: tuple[str, ...]) -> Settings:
    reader = _Reader(path)
    shared = {
        "compute_pool": reader.string,
        "query_warehouse": reader.string,
        "target_instances": reader.count,
        "min_instances": reader.count,
        "net": reader.net,
        "env_vars": reader.variables,
    }
    of_job = {
        "args": reader.strings,
        "return": reader.name,
        "root": reader.string,
        "source": reader.stage_path,
        **shared,
    }

    def read_jobs(at: tuple[str, ...], value: object) -> dict[str, JobSettings]:
        jobs = {}
        for script, entry in reader.table(at, value).items():
            values = reader.fields(reader.table((*at, script), entry), (*at, script), of_job)
            reader.instances(values, (*at, script), (table or {}).get("target_instances"))
            if "return" in values:
                values["return_name"] = values.pop("return")
            jobs[Path(script).as_posix()] = JobSettings(**values)
        return jobs

    of_all = {
        "connection": reader.string,
        "database": reader.string,
        "schema": reader.string,
        "stage": reader.string,
        **shared,
        "integrations": reader.integrations,
        "net_seconds": reader.count,
        "runtime": reader.version,
        "python": reader.version,
        "pins": reader.pins,
        "payload_megabytes": reader.count,
        "exclude": reader.strings,
        "extend_rules": reader.strings,
        "extend-rules": reader.strings,
        "select": reader.strings,
        "ignore": reader.strings,
        "unsafe_fixes": reader.switch,
        "jobs": read_jobs,
    }
    values = reader.fields(table or {}, keys, of_all)
    reader.instances(values, keys, None)
    values["extend_rules"] = values.pop("extend-rules", ()) or values.get("extend_rules", ())
    return Settings(**values, file=path)


def settings_error(settings: Settings, key: str, message: str) -> ConfigError:
    """What is wrong with the value that the settings file has for ``key``, with its line."""
    assert settings.file is not None
    table = () if settings.file.name == "mljob.toml" else TABLE
    return _Reader(settings.file).fail((*table, key), message)


def _toml_type(value: object) -> str:
    """What TOML calls the type of ``value``."""
    if isinstance(value, list) and value:
        return f"one that holds {_toml_type(value[0])}"
    names: dict[type, str] = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date or time")


_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[A-Za-z0-9_-]+"
    r"|.",
    re.DOTALL,
)


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """The line of every key and table header in ``text``, which must be valid TOML.

    No TOML library tells where a value stands, so this goes through the tokens: enough to tell keys
    from values, in headers, dotted keys and inline tables, and no more.
    """
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    key: list[str] = []
    open_: list[tuple[str, ...] | None] = []  # inline tables by their full key; None for an array
    full: tuple[str, ...] = ()
    in_key, in_header, line = True, False, 1
    for token in _TOKEN.findall(text):
        if token == "\n" and not open_:
            in_key, key = True, []
        elif in_key and token == "[" and not open_:
            in_header, key = True, []
        elif in_header and token == "]":
            in_header, table = False, tuple(key)
            for n in range(1, len(table) + 1):
                lines.setdefault(table[:n], line)
        elif in_key and token == "=":
            base = open_[-1] if open_ else table
            full = (*(base or ()), *key)
            for n in range(len(base or ()) + 1, len(full) + 1):
                lines.setdefault(full[:n], line)
            in_key = False
        elif in_key and (token[0] in "\"'" or re.fullmatch(r"[A-Za-z0-9_-]+", token)):
            key.append(_parse_toml(f"k = {token}")["k"] if token[0] in "\"'" else token)
        elif not in_key and token in ("{", "["):
            open_.append(full if token == "{" else None)
            in_key, key = token == "{", []
        elif token == "," and open_:
            in_key, key = open_[-1] is not None, []
        elif token in ("}", "]") and open_:
            open_.pop()
            in_key = False
        line += token.count("\n")
    return lines
