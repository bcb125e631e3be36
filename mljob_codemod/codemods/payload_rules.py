"""The rules of ``payload``: what goes wrong with the files that a job gets."""

from __future__ import annotations

from mljob_codemod.findings import Documentation, Level, Rule

_LAUNCHER = "https://docs.snowflake.com/en/developer-guide/snowflake-ml/ml-jobs/overview"

RELATIVE_IMPORT = Rule(
    "MLJ901",
    "script-with-relative-imports",
    Level.NOTE,
    Documentation(
        finds="A script that imports relatively to its package.",
        matters="The launcher (measured with snowflake-ml-python 2.6.0) runs a script by its path, which belongs to no package, so the import "
        "fails; `python -m` is not among the ways it knows. The job entry starts such a script by its module's name; with "
        "`net = false` this is an error.",
        by_hand="Leave it to the job entry. Without it, import by the package's full name, or add a small script beside the "
        "package that imports it and calls what runs.",
        reference=_LAUNCHER,
    ),
)
TWO_FOLDERS = Rule(
    "MLJ902",
    "imports-from-two-folders",
    Level.ERROR,
    Documentation(
        finds="Local imports that resolve from different folders: some beside the script, others above "
        "it or in `src`.",
        matters="The launcher puts one folder on the import path, the root of the payload. The script's "
        "own folder is not on it unless it is that root.",
        by_hand="Move the script to the folder that the packages are imported from, or import its "
        "neighbours by that folder's names.",
        reference=_LAUNCHER,
    ),
)
KEY_IN_PAYLOAD = Rule(
    "MLJ903",
    "key-in-the-payload",
    Level.ERROR,
    Documentation(
        finds="A key in a file that would travel with the payload: a private key, a token of AWS, GitHub, Hugging Face, OpenAI and the "
        "like in a configuration file. The report does not show it.",
        matters="Everybody who may read the stage can read the payload. Files that hold keys by their names (`.env`, `*.pem`, `id_rsa`) "
        "are never sent.",
        by_hand="Take the key out of the file and revoke it; give the job a Snowflake secret, or an environment variable.",
        reference="https://docs.snowflake.com/en/sql-reference/sql/create-secret",
    ),
)
LARGE_PAYLOAD = Rule(
    "MLJ904",
    "large-payload",
    Level.NOTE,
    Documentation(
        finds="A payload of more than a gigabyte (the setting `payload_megabytes`) or 5000 files.",
        matters="All of it is uploaded for every submission, and read through a stage mount. Data that stays the same is better off on a "
        "stage or in a table of its own.",
        by_hand="Move data and checkpoints out of the folder, or the script into a folder of its own (the setting `root` of a "
        "job).",
        reference=_LAUNCHER,
    ),
)
SHADOWING_MODULE = Rule(
    "MLJ905",
    "module-that-shadows-the-launcher",
    Level.ERROR,
    Documentation(
        finds="A module or package in the payload's root that is called as one that the job's launcher imports: `queue.py`, `secrets.py`, "
        "a folder `ray` with an `__init__.py`.",
        matters="The launcher puts the payload before everything else on the import path, and then imports the Snowflake packages: "
        "they get the project's module, and the job fails before the script starts.",
        by_hand="Rename the module, or put it into a package.",
        reference=_LAUNCHER,
    ),
)
ZIP_WITH_MODULES = Rule(
    "MLJ906",
    "zip-that-shadows-modules",
    Level.ERROR,
    Documentation(
        finds="A `.zip` file in the payload that holds a module called as one that the script or the launcher imports.",
        matters="The launcher puts every `.zip` below the payload at the front of the import path, so the job runs the archive's module: "
        "an old copy of the project, or something that only has the same name.",
        by_hand="Keep the archive out of the folder, or unpack it.",
        reference=_LAUNCHER,
    ),
)
PATTERN_IN_NAME = Rule(
    "MLJ907",
    "name-that-is-a-pattern",
    Level.ERROR,
    Documentation(
        finds="A folder, or a file's ending, with `[`, `*` or `?` in its name below the payload's root.",
        matters="The client uploads by patterns (`folder/*.csv`) and takes the name for one: other files are sent, or none. "
        "submit_job.py stops there.",
        by_hand="Rename it, or keep it out of the folder.",
        reference="https://docs.snowflake.com/en/sql-reference/sql/put",
    ),
)
CONDA_ENVIRONMENT = Rule(
    "MLJ908",
    "conda-environment-in-the-payload",
    Level.ERROR,
    Documentation(
        finds="An `environment.yml` in the payload's root.",
        matters="The job's start finds it, says that conda environments are not supported, and ends with status 1. The submit_job.py that "
        "`apply` writes keeps it out, which makes this a note; its packages become `pip_requirements` where the script "
        "imports them.",
        by_hand="Submit with submit_job.py; or keep the file out of the payload, or set the job's environment variable "
        "MLRS_CONDA_ENV_FILE to a path that does not exist.",
        reference=_LAUNCHER,
    ),
)
INPUT_LEFT_BEHIND = Rule(
    "MLJ909",
    "input-that-is-not-sent",
    Level.ERROR,
    Documentation(
        finds="A file that the script reads and that submit_job.py does not send: it lies in a cache or an environment, or is a key by its name.",
        matters="The job does not find it.",
        by_hand="Move it to another folder; read a key from a Snowflake secret instead.",
        reference=_LAUNCHER,
    ),
)
RULES = (
    RELATIVE_IMPORT,
    TWO_FOLDERS,
    KEY_IN_PAYLOAD,
    LARGE_PAYLOAD,
    SHADOWING_MODULE,
    ZIP_WITH_MODULES,
    PATTERN_IN_NAME,
    CONDA_ENVIRONMENT,
    INPUT_LEFT_BEHIND,
)
