"""A connector's connection to the local account, as far as Snowpark's Session uses one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from snowflake.connector.converter import SnowflakeConverter
from snowflake.connector.cursor import ResultMetadata
from snowflake.connector.errors import NotSupportedError

from .store import DATABASE, SCHEMA, Account

Answer = tuple[Sequence[str], Sequence[tuple[Any, ...]]]
"""Names of columns, and rows."""
DONE: Answer = (["status"], [("ok",)])

_STRING = re.compile(r"'((?:[^'\\]|\\.|'')*)'", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "0": "\0"}
_TEXT = 2
"""The connector's code of a type; values of other types come as they are."""


def strings(statement: str) -> list[str]:
    """The string literals of a statement."""

    def unescape(text: str) -> str:
        text = text.replace("''", "'")
        return re.sub(
            r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text, flags=re.DOTALL
        )

    return [unescape(text) for text in _STRING.findall(statement)]


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return str(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


class Connection:
    """``answer`` is given a statement and a stream to upload, if there is one."""

    warehouse = "LOCAL"
    role = "LOCAL"
    user = "LOCAL"
    account = "LOCAL"
    host = "localhost"
    expired = False
    session_id = 1
    telemetry_enabled = False
    application = "mljob-codemod"
    _conn = _telemetry = None
    _interpolate_nulls = False

    def __init__(self, account: Account) -> None:
        self.store = account
        self._session_parameters: dict[str, Any] = {}
        self.database: str | None = DATABASE
        self.schema: str | None = SCHEMA

    def __getattr__(self, name: str) -> None:
        """Attributes that only some versions of Snowpark and the connector look at."""
        if name.startswith("__"):
            raise AttributeError(name)

    def cursor(self, *args: Any, **options: Any) -> Cursor:
        return Cursor(self)

    def is_closed(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def answer(self, statement: str, stream: Any = None) -> Answer:
        """The rows for one statement; raises for one that is not known."""
        for pattern, respond in STATEMENTS:
            match = pattern.match(statement)
            if match:
                return respond(self, match, stream)
        raise NotImplementedError(
            f"the local account does not know the statement: {' '.join(statement.split())}"
        )


class Cursor:
    """The part of a connector's cursor that Snowpark uses."""

    def __init__(self, connection: Connection) -> None:
        self.connection = self._connection = connection
        self.description: list[ResultMetadata] = []
        self.sfqid = self.request_id = self._request_id = "query"
        self.query = ""
        self.rowcount = 0
        self._is_file_transfer = False
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, statement: str, params: Any = None, *args: Any, **options: Any) -> Cursor:
        parts = statement.split("?") if params else [statement]
        bound = [*(literal(value) for value in params or ()), ""]
        if len(bound) != len(parts):
            raise NotImplementedError(f"not every ? is a parameter: {statement}")
        whole = "".join(part + value for part, value in zip(parts, bound, strict=True))
        columns, rows = self.connection.answer(whole.strip(), options.get("file_stream"))
        self._rows = list(rows)
        self.description = [
            ResultMetadata(column, _TEXT, None, None, None, None, True) for column in columns
        ]
        self.rowcount = len(self._rows)
        return self

    def describe(self, statement: str, *args: Any, **options: Any) -> list[ResultMetadata]:
        return self.execute(statement).description

    _describe_internal = describe

    def fetch_pandas_all(self, **_: Any) -> None:
        raise NotSupportedError("rows come as tuples here")  # Snowpark then asks for those

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def close(self) -> None:
        pass

    def _preprocess_pyformat_query(self, statement: str, params: list[Any]) -> str:
        converter = SnowflakeConverter()
        quoted = (converter.quote(converter.escape(converter.to_snowflake(p))) for p in params)
        return statement % tuple(quoted)


Respond = Callable[[Connection, "re.Match[str]", Any], Answer]
STATEMENTS: list[tuple[re.Pattern[str], Respond]] = []


def answers(pattern: str) -> Callable[[Respond], Respond]:
    """Register what answers the statements that match ``pattern``, in which a space is any white space."""
    compiled = re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE | re.DOTALL)

    def register(respond: Respond) -> Respond:
        STATEMENTS.append((compiled, respond))
        return respond

    return register
