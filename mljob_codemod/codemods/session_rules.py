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
        "session where there is none and takes the launcher's in a job. What the builder was given (role, "
        "warehouse, database, schema) is then ignored: the job's session has its own.",
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
        by_hand="Set `query_warehouse` in the settings; the submission then passes it. Remove the call, or "
        "let it run outside jobs only.",
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
        matters="A session holds an open connection, which does not travel: pickling it fails. A forked child "
        "inherits its parent's connection, and both then read from one socket; a spawned one has no default "
        "connection to make a session of.",
        by_hand="Do the work in threads, or read the data before and pass it to the processes.",
    ),
)
VARIABLES = Rule(
    "MLJ706",
    "session-variables",
    Level.ERROR,
    Documentation(
        finds='`os.environ["…"]` in what a session builder is given.',
        matters="A job needs no credentials and does not have the variables that hold them at home, so the "
        "subscript ends it with a KeyError before a session is asked for.",
        by_hand="Read them with `os.environ.get(…)`, which gives None, or only where there is no active session.",
    ),
)

RULES = (CREATED, CREDENTIALS, WAREHOUSE, CONNECTOR, PASSED_ON, VARIABLES)
