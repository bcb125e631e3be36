"""A Snowflake account made of folders, for the unmodified client.

Only the connector's ``connect`` is replaced; Snowpark's Session and snowflake.ml.jobs are what is installed. A
statement that is not known here fails with the statement: a client that asks something new needs a look. The
connector reads ``connections.toml`` in the folder that SNOWFLAKE_HOME names, which must be the account's.

Stands alone: it runs under interpreters that have the client and nothing of this package, by the name
``local_account`` with the folder above on the import path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snowflake.connector.errors import ProgrammingError
from snowflake.snowpark._internal import server_connection

from . import services, stages  # what they answer is registered
from .connection import Connection
from .store import DATABASE, SCHEMA, Account, Job

__all__ = [
    "DATABASE",
    "SCHEMA",
    "Account",
    "Connection",
    "Job",
    "ProgrammingError",
    "install",
    "server_connection",
    "services",
    "stages",
]


def install(folder: Path, connection: type[Connection] = Connection) -> Account:
    """Let sessions that are opened from now on be sessions of the account in ``folder``."""
    account = Account(folder)

    def connect(**_: Any) -> Connection:
        return connection(account)

    vars(server_connection)["connect"] = connect
    return account
