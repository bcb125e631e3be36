"""What an account has that jobs can use: asked through a session, or read from saved rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mljob_codemod.account.integrations import Integration, network_rules, read_integrations
from mljob_codemod.account.rows import Row, ask_account, read_rows
from mljob_codemod.account.sql import identifier, qualified, stored, string
from mljob_codemod.errors import MljobError


class Inventory:
    """Pools, integrations, stages and warehouses. What nobody can tell is None, or empty.

    ``role`` is that of the connection; a session knows its own.
    """

    def __init__(
        self,
        session: Any,
        pools_file: Path | None = None,
        integrations_file: Path | None = None,
        role: str | None = None,
    ) -> None:
        self._session = session
        self._pools = None if pools_file is None else read_rows(pools_file)
        self._integrations = None if integrations_file is None else read_rows(integrations_file)
        self._roles = [role.upper()] if role else []

    def pools(self) -> tuple[list[Row] | None, list[str]]:
        """Rows of SHOW COMPUTE POOLS and SHOW GRANTS, and the roles whose grants count, the own one first."""
        rows = self._pools
        if rows is None and self._session is not None:
            rows = ask_account(self._session, "SHOW COMPUTE POOLS")
            for pool in list(rows):
                rows += self._readable(f"SHOW GRANTS ON COMPUTE POOL {stored(str(pool['name']))}")
            self._roles = self._roles_of(
                {str(row["grantee_name"]) for row in rows if "privilege" in row}
            )
        return rows, self._roles

    def _roles_of(self, named: set[str]) -> list[str]:
        """The session's role, and those of the ``named`` ones that it holds."""
        held = [
            role
            for role in sorted(named)
            for row in self._readable(f"SELECT IS_ROLE_IN_SESSION({string(role)})")
            if "true" in (str(value).lower() for value in row.values())
        ]
        return list(dict.fromkeys([str(self._session.get_current_role()).strip('"'), *held]))

    def integrations(self) -> list[Integration] | None:
        """The external access integrations, with their hosts where all of their rules can be described."""
        rows = self._integrations
        if rows is None and self._session is not None:
            rows = ask_account(self._session, "SHOW EXTERNAL ACCESS INTEGRATIONS")
            for shown in list(rows):
                name = str(shown["name"])
                described = self._readable(f"DESCRIBE INTEGRATION {stored(name)}")
                rows += [{**row, "integration": name} for row in described]
                for rule in network_rules(described):
                    rows += self._readable(f"DESCRIBE NETWORK RULE {qualified(rule)}")
        return None if rows is None else read_integrations(rows)

    def stages(self, database: str | None, schema: str | None) -> list[str]:
        """The internal stages of a schema."""
        if not (database and schema):
            return []
        rows = self._readable(f"SHOW STAGES IN SCHEMA {identifier(database)}.{identifier(schema)}")
        return [str(row["name"]) for row in rows if "INTERNAL" in str(row.get("type")).upper()]

    def warehouses(self) -> list[str]:
        return [str(row["name"]) for row in self._readable("SHOW WAREHOUSES")]

    def _readable(self, statement: str) -> list[Row]:
        """The rows of a statement that a role need not be allowed to run."""
        if self._session is None:
            return []
        try:
            return ask_account(self._session, statement)
        except MljobError:
            return []
