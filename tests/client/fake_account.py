"""Runs a submit_job.py through the unmodified Snowflake client, with an account whose jobs end at once.

Usage: python fake_account.py ACCOUNT_FOLDER SCRIPT [ARGUMENT ...]

The account is the product's (mljob_codemod/runtime/local_account) with what tests need to know: ``ACCOUNT_FOLDER/account.json``
holds what the session starts with (``database``, ``schema``), the ``status`` the job ends in and whether there is a ``log``;
``ACCOUNT_FOLDER/record.json`` is what arrived.

It runs under interpreters that have the client and nothing of this project.
"""

from __future__ import annotations

import importlib
import json
import logging
import runpy
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "mljob_codemod" / "runtime"))
product: Any = importlib.import_module("local_account")
del sys.path[0]
JOB_ID = "DB.SC.TRAIN_1A2B3C4D"


class Account(product.Account):  # type: ignore[misc]
    """What the account knows, and what it was told."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.given = json.loads((folder / "account.json").read_text("utf-8"))
        self.statements: list[str] = []
        self.warnings: list[str] = []
        self.connect_options: dict[str, Any] = {}
        self.taken: dict[str, Any] = {}

    def write_record(self) -> None:
        record = {
            "statements": self.statements,
            "warnings": self.warnings,
            "connect_options": self.connect_options,
            "job": self.taken,
        }
        (self.folder / "record.json").write_text(json.dumps(record), "utf-8")

    def execute_job(
        self, name: str, pool: str, spec: Any, options: Any, database: Any, schema: Any
    ) -> Any:
        """Take the job, and end it at once: its result and one artifact lie where they should."""
        self.taken = {"name": name, "compute_pool": pool, "spec": spec, "options": options}
        named = {**options, "GENERATE_SUFFIX": False}
        job = super().execute_job(JOB_ID, pool, spec, named, database, schema)
        value = {"kind": "result", "success": True, "value": {"accuracy": 0.9}}
        (job.result / "mljob_result").write_text(json.dumps(value), "utf-8")
        (job.result / "model.bin").write_bytes(b"model")
        (job.folder / "status").write_text(self.given["status"], "utf-8")
        (job.folder / "log").write_text("the whole log", "utf-8")
        return job


class Connection(product.Connection):  # type: ignore[misc]
    """A connection that keeps the statements."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.database = account.given["database"]
        self.schema = account.given["schema"]

    def answer(self, statement: str, stream: Any = None) -> Any:
        self.store.statements.append(statement.strip())
        asks_log = any(word in statement.upper() for word in ("GET_SERVICE_LOGS", "SPCS_GET_LOGS"))
        if asks_log and not self.store.given["log"]:
            raise product.ProgrammingError("no logs")
        return super().answer(statement, stream)


class _Recorder(logging.Handler):
    def __init__(self, account: Account) -> None:
        super().__init__(logging.WARNING)
        self._account = account

    def emit(self, record: logging.LogRecord) -> None:
        self._account.warnings.append(record.getMessage())


def main() -> None:
    account = Account(Path(sys.argv[1]).resolve())
    logging.getLogger("snowflake.ml").addHandler(_Recorder(account))

    def connect(**options: Any) -> Connection:
        account.connect_options = {key: str(value) for key, value in options.items()}
        return Connection(account)

    vars(product.server_connection)["connect"] = connect
    sys.argv = sys.argv[2:]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        account.write_record()


if __name__ == "__main__":
    main()
