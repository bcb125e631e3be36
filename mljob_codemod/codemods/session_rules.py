"""The rules about sessions and credentials, with their documentation."""

from __future__ import annotations

from mljob_codemod.findings import Documentation, Level, Rule, Safety

_SESSIONS = "https://docs.snowflake.com/en/developer-guide/snowpark/python/creating-session"

CREATED = Rule(
    "MLJ701",
    "session-create",
    Level.WARNING,
    Documentation(
        finds="`Session.builder….create()` of Snowpark.",
        matters="The launcher opens a session before the script runs. After a second one, everything that "
        "looks for the active session fails with «More than one active session». `.getOrCreate()` makes a "
        "session where there is none and takes the launcher's in a job.",
        before="""\
from snowflake.snowpark import Session


def main():
    session = Session.builder.config("connection_name", "dev").create()
    session.table("CUSTOMERS").show()


if __name__ == "__main__":
    main()
""",
        after="""\
from snowflake.snowpark import Session


def main():
    session = Session.builder.config("connection_name", "dev").getOrCreate()
    session.table("CUSTOMERS").show()


if __name__ == "__main__":
    main()
""",
        by_hand="A script that makes several sessions is only reported, since `.getOrCreate()` would give "
        "it one. Use one session and name database and schema with each table.",
        reference=_SESSIONS,
    ),
    "use `.getOrCreate()`",
    Safety.SAFE,
)
CREDENTIALS = Rule(
    "MLJ702",
    "credentials-in-source",
    Level.ERROR,
    Documentation(
        finds="Passwords, private keys and access tokens written as literals.",
        matters="The source is uploaded to a stage that others may read. A job has a session of its own, "
        "so Snowflake credentials are of no use to it.",
        by_hand="Take the value out, have it changed where it was used, and read it from the environment "
        "at home. For outside services make a Snowflake secret.",
        reference="https://docs.snowflake.com/en/sql-reference/sql/create-secret",
    ),
)
WAREHOUSE = Rule(
    "MLJ703",
    "use-warehouse",
    Level.NOTE,
    Documentation(
        finds="`session.use_warehouse(…)` and `USE WAREHOUSE …`.",
        matters="A job gets its warehouse when it is submitted, and runs as a role that may not use the one "
        "that the source names.",
        by_hand="Set `query_warehouse` in the settings; the submission then passes it.",
    ),
)
CONNECTOR = Rule(
    "MLJ704",
    "connector-connection",
    Level.ERROR,
    Documentation(
        finds="`snowflake.connector.connect(…)`.",
        matters="The user, password, key or browser that a connection needs at home are not in a job.",
        by_hand="Use `Session.builder.getOrCreate()`; its attribute `connection` is a connection of the "
        "connector.",
        reference=_SESSIONS,
    ),
)
PASSED_ON = Rule(
    "MLJ705",
    "session-to-process",
    Level.ERROR,
    Documentation(
        finds="A session among the arguments of a function that another process runs.",
        matters="A session holds an open connection, which does not travel: pickling it fails, and a forked "
        "copy shares its socket.",
        by_hand="Make the session in the function that the process runs, with "
        "`Session.builder.getOrCreate()`, or use threads.",
    ),
)

RULES = (CREATED, CREDENTIALS, WAREHOUSE, CONNECTOR, PASSED_ON)
