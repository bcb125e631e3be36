"""The rules about other platforms' variables and folders, with their documentation."""

from __future__ import annotations

from mljob_codemod.findings import Documentation, Level, Rule, Safety

_ENVIRONMENT = "https://docs.snowflake.com/en/developer-guide/snowflake-ml/ml-jobs/overview"

MISSING_VARIABLE = Rule(
    "MLJ411",
    "variable-of-another-platform",
    Level.ERROR,
    Documentation(
        finds="An environment variable of SageMaker, Vertex AI, Azure ML, Databricks, Kaggle or Colab that a job "
        "does not have: read with `os.environ[…]` it ends the run, read without a default it gives None (a note).",
        matters="A job's environment holds the launcher's variables and those of the submission's `env_vars`. `os.environ[…]` "
        "in the default of an option fails even where the option is given.",
        by_hand="Read it with `os.environ.get(…)`, and give the job the path or value as the script's argument: "
        "`args` of the script in the settings.",
        reference=_ENVIRONMENT,
    ),
)
CLUSTER_VARIABLE = Rule(
    "MLJ412",
    "node-of-another-platform",
    Level.WARNING,
    Documentation(
        finds="A variable by which another platform tells about the machines of the run (`SM_HOSTS`, "
        "`SM_CURRENT_HOST`, `SM_NUM_CPUS`), read with `os.environ[…]`.",
        matters="A job does not have it, so the script fails with a KeyError. What a run on one node would be told is known.",
        before="""\
import json
import os

hosts = json.loads(os.environ["SM_HOSTS"])
print(len(hosts))
""",
        after="""\
import json
import os

hosts = json.loads(os.environ.get("SM_HOSTS", '["algo-1"]') if "MLRS_STAGE_RESULT_PATH" in os.environ else os.environ["SM_HOSTS"])
print(len(hosts))
""",
        by_hand="Give the variable a default that fits one machine. On several nodes ask Ray or the platform's distributor.",
        reference=_ENVIRONMENT,
    ),
    fix_title="tell a job what a run on one node is told",
    safety=Safety.SAFE,
)
OUTPUT_VARIABLE = Rule(
    "MLJ413",
    "output-variable-of-another-platform",
    Level.WARNING,
    Documentation(
        finds="A variable in which another platform names a folder for results (`SM_MODEL_DIR`, `AIP_MODEL_DIR`), "
        "where nothing shows what is written there.",
        matters="A job does not have it: the script fails, or writes where nothing is kept. The result path is what a job "
        "has for that.",
        before="""\
import os

from trainer import train

train(os.environ["AIP_MODEL_DIR"])
""",
        after="""\
import os

from trainer import train

train(os.environ.get("MLRS_STAGE_RESULT_PATH") or os.environ["AIP_MODEL_DIR"])
""",
        by_hand="Prefer the result path where it is set: `os.environ.get('MLRS_STAGE_RESULT_PATH') or …`. Two variables "
        "get a folder each.",
        reference=_ENVIRONMENT,
    ),
    fix_title="take the job's result path for it",
    safety=Safety.SAFE,
)
PLATFORM_FOLDER = Rule(
    "MLJ414",
    "folder-of-another-platform",
    Level.NOTE,
    Documentation(
        finds="A path that exists on another platform only: `/opt/ml`, `/kaggle/input`, `/content/drive`, `/dbfs`.",
        matters="A job has the payload, stages and the result path. What is written to such a folder moves below the "
        "result path by other findings; what is read from it is not there.",
        by_hand="Send small files with the payload; put data onto a stage or into a table and give the script its path "
        "as an argument.",
        reference=_ENVIRONMENT,
    ),
)
RULES = (MISSING_VARIABLE, CLUSTER_VARIABLE, OUTPUT_VARIABLE, PLATFORM_FOLDER)
