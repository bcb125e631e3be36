"""The codes of ``output_paths.py`` and their documentation."""

from __future__ import annotations

from mljob_codemod.findings import Documentation, Level, Rule, Safety

_MOUNT = "https://docs.snowflake.com/en/developer-guide/snowpark-container-services/snowflake-stage-volume"
_JOBS = "https://docs.snowflake.com/en/developer-guide/snowflake-ml/ml-jobs/overview"

OPTION_DEFAULT = Rule(
    "MLJ201",
    "output-option-default",
    Level.WARNING,
    Documentation(
        finds="A command-line option that says where results go, whose default is a path in the source.",
        matters="A job's working directory goes away with the job. Only what lies below the folder that "
        "`MLRS_STAGE_RESULT_PATH` names is kept.",
        before="""\
import argparse
import pickle

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="model.pkl")
args = parser.parse_args()
with open(args.model, "wb") as file:
    pickle.dump([1, 2, 3], file)
""",
        after="""\
import argparse
import os
import pickle

parser = argparse.ArgumentParser()
parser.add_argument("--model", default=os.path.join(os.environ.get("MLRS_STAGE_RESULT_PATH", ""), "model.pkl"))
args = parser.parse_args()
with open(args.model, "wb") as file:
    pickle.dump([1, 2, 3], file)
""",
        by_hand="Join the default to `os.environ.get('MLRS_STAGE_RESULT_PATH', '')`, which is empty "
        "outside a job.",
        reference=_JOBS,
    ),
    "move the default below the job's result path",
    Safety.SAFE,
)

FIXED_PATH = Rule(
    "MLJ202",
    "fixed-result-path",
    Level.WARNING,
    Documentation(
        finds="A call that writes to a path fixed in the source, and every other use of that path.",
        matters="A job's working directory goes away with the job, and it is a stage mount, which refuses "
        "to append or to write out of order. Files written that way go to a local folder that is copied "
        "to the result path when the process ends.",
        before="""\
import json

with open("metrics.json", "w") as file:
    json.dump({"accuracy": 0.9}, file)
""",
        after="""\
import json
import os

with open(os.path.join(os.environ.get("MLRS_STAGE_RESULT_PATH", ""), "metrics.json"), "w") as file:
    json.dump({"accuracy": 0.9}, file)
""",
        by_hand="Join the path to `os.environ.get('MLRS_STAGE_RESULT_PATH', '')`, which is empty outside "
        "a job.",
        reference=_MOUNT,
    ),
    "move the path below the job's result path",
    Safety.SAFE,
)

REQUIRED_OPTION = Rule(
    "MLJ203",
    "required-output-option",
    Level.WARNING,
    Documentation(
        finds="A required argparse or click option that says where results go.",
        matters="Only the job knows its result path, so whoever submits it cannot pass it.",
        before="""\
import argparse
import pickle

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
args = parser.parse_args()
with open(args.model, "wb") as file:
    pickle.dump([1, 2, 3], file)
""",
        after="""\
import argparse
import os
import pickle

parser = argparse.ArgumentParser()
parser.add_argument("--model", required="MLRS_STAGE_RESULT_PATH" not in os.environ, \
default=os.path.join(os.environ["MLRS_STAGE_RESULT_PATH"], "model") \
if "MLRS_STAGE_RESULT_PATH" in os.environ else None)
args = parser.parse_args()
with open(args.model, "wb") as file:
    pickle.dump([1, 2, 3], file)
""",
        by_hand="Require the option only where `MLRS_STAGE_RESULT_PATH` is not set, and give it a default "
        "below that folder where it is.",
        reference=_JOBS,
    ),
    "require the option outside jobs only",
    Safety.SAFE,
)

PASSED_OPTION = Rule(
    "MLJ204",
    "passed-output-option",
    Level.WARNING,
    Documentation(
        finds="A required positional, or a required option that a library or another kind of parser "
        "declares, that says where results go.",
        matters="Arguments reach a job as they are written: nothing expands `$MLRS_STAGE_RESULT_PATH`. "
        "The submission passes the path with the variable's name in it, and the script has to put the "
        "value in.",
        before="""\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("report")
args = parser.parse_args()
with open(args.report, "w") as file:
    file.write("done")
""",
        after="""\
import argparse
import os
import sys

parser = argparse.ArgumentParser()
parser.add_argument("report")
sys.argv[:] = [arg.replace("$MLRS_STAGE_RESULT_PATH", \
os.environ.get("MLRS_STAGE_RESULT_PATH", "$MLRS_STAGE_RESULT_PATH")) for arg in sys.argv]
args = parser.parse_args()
with open(args.report, "w") as file:
    file.write("done")
""",
        by_hand="Replace `$MLRS_STAGE_RESULT_PATH` in `sys.argv` by the variable's value before the "
        "arguments are parsed.",
        reference=_JOBS,
    ),
    "put the result path into the arguments",
    Safety.SAFE,
)

NO_DEFAULT = Rule(
    "MLJ205",
    "output-option-without-default",
    Level.NOTE,
    Documentation(
        finds="An optional output option that has no default in the source.",
        matters="Left out, it writes nothing, in a job as at home. A relative path given for it in a job "
        "lies in the working directory, which is not kept.",
        by_hand="Leave the option out, or give it a default below the result path.",
        reference=_JOBS,
    ),
)

ALSO_INPUT = Rule(
    "MLJ206",
    "result-path-is-an-input",
    Level.ERROR,
    Documentation(
        finds="A path that the run writes to and that is also an input of the project, or of another script that shares "
        "the line with this one: then a note, as the job entry keeps the result.",
        matters="Moved below the result path, the input would not be found; left where it is, the result "
        "is lost.",
        by_hand="Give the result a path of its own.",
        reference=_JOBS,
    ),
)

UNKNOWN_PATH = Rule(
    "MLJ207",
    "unknown-result-path",
    Level.NOTE,
    Documentation(
        finds="A call that writes to a path whose beginning is not in the source.",
        matters="What it writes is kept only when the path lies below `MLRS_STAGE_RESULT_PATH`.",
        by_hand="See where the path comes from. In a configuration file, give it a relative path, which the job "
        'entry keeps, or expand variables where the file is read: `os.path.expandvars(config["out"])`, with '
        "`$MLRS_STAGE_RESULT_PATH/…` in the file that a job gets.",
        reference=_JOBS,
    ),
)

LOG_FILE = Rule(
    "MLJ208",
    "log-file-in-job",
    Level.WARNING,
    Documentation(
        finds="`logging.basicConfig(filename=…)`.",
        matters="The launcher has set up logging before the script runs, so `basicConfig` does nothing "
        "there and the log file never appears (measured with the launcher of snowflake-ml-python 2.6.0).",
        before="""\
import logging
import os

logging.basicConfig(filename=os.environ["LOG_FILE"])
""",
        after="""\
import logging
import os

logging.basicConfig(filename=os.environ["LOG_FILE"], force="MLRS_STAGE_RESULT_PATH" in os.environ)
""",
        by_hand="Pass `force=True` in a job.",
        reference="https://docs.python.org/3/library/logging.html#logging.basicConfig",
    ),
    "set up logging anew in a job",
    Safety.SAFE,
)

RULES = (
    OPTION_DEFAULT,
    FIXED_PATH,
    REQUIRED_OPTION,
    PASSED_OPTION,
    NO_DEFAULT,
    ALSO_INPUT,
    UNKNOWN_PATH,
    LOG_FILE,
)
