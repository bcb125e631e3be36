"""Connections that the machine knows, and the settings file that ``init`` writes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mljob_codemod.errors import ConfigError, InputError

_SHOWN = ("database", "schema", "warehouse", "role")
"""What is read of a connection: never what could be a credential."""


def snowflake_folder() -> Path:
    """Where the connector keeps its files (docs: connecting with connections.toml)."""
    given = os.environ.get("SNOWFLAKE_HOME")
    return Path(given) if given else Path.home() / ".snowflake"


def connections(folder: Path) -> dict[str, dict[str, str]]:
    """The connections of ``connections.toml`` and ``config.toml`` with their database, schema, warehouse and role."""
    found: dict[str, dict[str, str]] = {}
    for name, keys in (("config.toml", ("connections",)), ("connections.toml", ())):
        table: Any = _read(folder / name)
        for key in keys:
            table = table.get(key, {})
        for connection, values in table.items():
            if isinstance(values, Mapping):
                found[connection] = {key: str(values[key]) for key in _SHOWN if key in values}
    return found


def _read(file: Path) -> dict[str, Any]:
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        return tomlkit.parse(file.read_text(encoding="utf-8")).unwrap()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror}") from error
    except ParseError as error:
        # The message shows a part of the line, which may be a password.
        raise ConfigError(str(file), "is not valid TOML", line=error.line) from None


def settings_file(folder: Path) -> Path:
    """The file that holds the settings of the project in ``folder``, or would."""
    own, project = folder / "mljob.toml", folder / "pyproject.toml"
    return project if project.is_file() and not own.is_file() else own


def with_settings(text: str, values: Mapping[str, object], *, table: tuple[str, ...]) -> str:
    """``text``, a TOML file, with ``values`` set in ``table``; everything else stays as it is."""
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        document = tomlkit.parse(text)
    except ParseError as error:
        raise ConfigError("settings", f"is not valid TOML: {error}") from None
    place: Any = document
    for number, key in enumerate(table):
        if key not in place:
            place[key] = tomlkit.table(is_super_table=number < len(table) - 1)
        place = place[key]
    for key, value in values.items():
        if isinstance(value, Mapping):
            inner = place.get(key)
            if inner is None:
                place[key] = inner = tomlkit.inline_table()
            for name, each in value.items():
                inner[name] = each
        else:
            place[key] = value
    return tomlkit.dumps(document)
