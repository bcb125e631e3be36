"""Rows of SHOW and DESCRIBE statements: from a file that someone saved, or from the account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mljob_codemod.errors import InputError, MljobError

Row = dict[str, Any]


def read_rows(file: Path) -> list[Row]:
    """The rows of saved answers: a list of objects, as ``snow sql --format json`` prints it, or a list of such lists.

    Names of columns are given in small letters. Raises ``InputError`` for anything else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        line = getattr(error, "lineno", None)
        raise InputError(
            str(file), "is not JSON: save it by snow sql --format json", line=line
        ) from error
    if isinstance(content, list) and any(isinstance(answer, list) for answer in content):
        # Several statements give a list of answers.
        content = [row for rows in content for row in (rows if isinstance(rows, list) else [rows])]
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise InputError(str(file), "must be a list of rows: save it by snow sql --format json")
    return [{str(name).lower(): value for name, value in row.items()} for row in content]


def is_true(row: Row, column: str) -> bool:
    return str(row.get(column, "")).lower() in ("true", "y", "yes")


def open_session(connection: str | None) -> Any:
    """A Snowpark session; raises ``MljobError`` with one line where none can be opened."""
    try:
        from snowflake.connector import Error
        from snowflake.snowpark import Session
        from snowflake.snowpark.exceptions import SnowparkClientException
    except ImportError:
        raise MljobError(
            "the Snowflake packages are missing: run pip install 'mljob-codemod[snowflake]' (init works from "
            "saved rows too: --offline, --pools, --integrations)"
        ) from None
    builder = Session.builder
    if connection:
        builder = builder.config("connection_name", connection)
    try:
        return builder.getOrCreate()
    except (Error, SnowparkClientException) as error:
        raise MljobError(
            f"cannot open the connection {connection or 'default'!r}: {first_line(error)}"
        ) from None


def ask_account(session: Any, statement: str) -> list[Row]:
    """The rows of one SHOW or DESCRIBE statement; ``MljobError`` where the account refuses it."""
    from snowflake.connector import Error
    from snowflake.snowpark.exceptions import SnowparkClientException

    try:
        rows = session.sql(statement).collect()
    except (Error, SnowparkClientException) as error:
        raise MljobError(f"the account refuses {statement!r}: {first_line(error)}") from None
    return [
        {name.strip('"').lower(): value for name, value in row.as_dict().items()} for row in rows
    ]


def first_line(error: Exception) -> str:
    """What an error of the client says, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
