"""The rules of ``packages``: what goes wrong when a job installs what a project declares."""

from __future__ import annotations

from mljob_codemod.findings import Documentation, Level, Rule

_IMAGE = (
    "https://docs.snowflake.com/en/developer-guide/snowflake-ml/container-runtime/releases/cpu/2_10"
)
_OVERVIEW = "https://docs.snowflake.com/en/developer-guide/snowflake-ml/ml-jobs/overview"

RUNTIME_PIN = Rule(
    "MLJ501",
    "pin-of-a-runtime-package",
    Level.ERROR,
    Documentation(
        finds="A pin that the runtime image's own NumPy, PyTorch, Ray, protobuf, pandas, pyarrow or Snowflake packages do "
        "not satisfy.",
        matters="pip installs into the environment that the job's launcher and Ray run in. Another NumPy or protobuf there "
        "breaks packages that were built for the image's, and the launcher with them. A `requirements.txt` in the payload's root is "
        "installed as it is: an error where the major version changes, or the launcher cannot work with it, else a note. Of other "
        "files, submit_job.py leaves such pins out, and the script runs with the image's version: a note.",
        by_hand="Loosen or remove the pin, and try the script with the image's version; or pin the runtime whose image "
        "fits (the setting `runtime`).",
        reference=_IMAGE,
    ),
)
UNKNOWN_PACKAGE = Rule(
    "MLJ502",
    "import-of-an-unknown-package",
    Level.ERROR,
    Documentation(
        finds="An import that is no file of the project, not in the runtime image, not declared by the project, and that no "
        "known distribution provides.",
        matters="It fails in the job. Installing whatever the package index has under that name could run a stranger's code, so nothing "
        "is guessed.",
        by_hand="A module of the project: put its folder where the script finds it. A package: declare it in "
        "requirements.txt, with a URL where the index does not have it, or name its distribution under `[distributions]` in a file "
        "of `extend_rules`.",
        reference=_OVERVIEW,
    ),
)
OLD_PIN = Rule(
    "MLJ503",
    "pin-without-a-wheel",
    Level.ERROR,
    Documentation(
        finds="A requirement that allows only versions for which there is no wheel for a Python of the runtime images.",
        matters="pip then builds from source or finds nothing, and the job ends before the script starts.",
        by_hand="Allow the version that the message names, or a later one.",
        reference=_IMAGE,
    ),
)
LOCAL_REQUIREMENT = Rule(
    "MLJ504",
    "requirement-outside-the-payload",
    Level.ERROR,
    Documentation(
        finds="A line of the payload's `requirements.txt` that names a file or folder which is not in the payload: `-r ../base.txt`, "
        "`-e ../library`, a wheel on this machine.",
        matters="The job installs the file in the payload's folder, where the path leads nowhere; pip stops and the job fails.",
        by_hand="Bring the file into the payload, or name the distribution instead.",
        reference=_OVERVIEW,
    ),
)
DIFFERENT_PIN = Rule(
    "MLJ505",
    "pin-other-than-the-image",
    Level.NOTE,
    Documentation(
        finds="Pins of packages that the image has in another version.",
        matters="pip installs the pinned version over the image's, which takes a package index, and may take other packages of "
        "the image along that do not fit it.",
        by_hand="Nothing, if the pinned version is what the script needs; else loosen the pin.",
        reference=_IMAGE,
    ),
)
UNREADABLE_REQUIREMENTS = Rule(
    "MLJ506",
    "requirements-that-do-not-parse",
    Level.ERROR,
    Documentation(
        finds="A requirement file, or a line of one, that pip or its own tool would not understand.",
        matters="In the payload's `requirements.txt` pip stops at it, and the job fails. Of another file the job's pins are unknown: a "
        "note.",
        by_hand="Mend the line.",
        reference="https://pip.pypa.io/en/stable/reference/requirements-file-format/",
    ),
)
RULES = (
    RUNTIME_PIN,
    UNKNOWN_PACKAGE,
    OLD_PIN,
    LOCAL_REQUIREMENT,
    DIFFERENT_PIN,
    UNREADABLE_REQUIREMENTS,
)
