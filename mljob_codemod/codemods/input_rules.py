"""The codes of ``inputs.py`` and their documentation."""

from __future__ import annotations

from mljob_codemod.findings import Documentation, Level, Rule

_STAGES = "https://docs.snowflake.com/en/developer-guide/snowflake-ml/ml-jobs/overview"
_BY_HAND = (
    "Small files: put them into the project. Tables: load them into Snowflake once and read them with "
    '`session.table("NAME").to_pandas()`. Large files and folders: upload them to a stage and fetch them in the job, '
    '`session.file.get("@STAGE/PATH", "FOLDER")`.'
)

ABSOLUTE = Rule(
    "MLJ601",
    "input-of-one-machine",
    Level.ERROR,
    Documentation(
        finds="A file or folder that is read by an absolute path, or one in the home folder. Where it is the default of an "
        "option it is a note: another value can be passed.",
        matters="A job runs in a container, where the path does not exist: the read fails.",
        by_hand=_BY_HAND,
        reference=_STAGES,
    ),
)
OUTSIDE = Rule(
    "MLJ602",
    "input-outside-payload",
    Level.ERROR,
    Documentation(
        finds="A file of the project that is read, or that the settings' `args` name, but lies outside the folder that is sent as "
        "the payload, or is meant from another folder than that one.",
        matters="Only the payload's root and what is below it travel with the job, and the root is where the job works.",
        by_hand="Set the job's `root` to a folder that holds the script and the file, move the file below the root, or read it "
        "from a table or a stage.",
        reference=_STAGES,
    ),
)
ABSENT = Rule(
    "MLJ603",
    "input-not-in-project",
    Level.NOTE,
    Documentation(
        finds="A file or folder, named relative to the script or the working directory, that is not in the project.",
        matters="What is not there when the job is submitted does not travel with it, and the read fails in the job.",
        by_hand=_BY_HAND,
        reference=_STAGES,
    ),
)
LARGE = Rule(
    "MLJ604",
    "large-input",
    Level.NOTE,
    Documentation(
        finds="An input of the payload of more than 100 MB, a tenth of the setting `payload_megabytes`.",
        matters="The whole payload is uploaded with each submission, and the job reads it through a stage mount.",
        by_hand="Load tables into Snowflake and read them with `session.table`; upload other data to a stage once, and keep it "
        "out of the payload.",
        reference=_STAGES,
    ),
)

RULES = (ABSOLUTE, OUTSIDE, ABSENT, LARGE)
