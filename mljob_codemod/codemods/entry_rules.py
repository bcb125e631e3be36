"""The rules about entry points, with their documentation."""

from __future__ import annotations

from mljob_codemod.findings import Documentation, Level, Rule, Safety

VALUE_LOST = Rule(
    "MLJ101",
    "return-value-lost",
    Level.WARNING,
    Documentation(
        finds="A call in the main guard, or at module level, of a function that returns a value.",
        matters="A job returns what the module's variable `__return__` holds; the value of a call that "
        "nothing keeps is gone, and `job.result()` is None.",
        before="""\
def main():
    return {"loss": 0.5}


if __name__ == "__main__":
    main()
""",
        after="""\
def main():
    return {"loss": 0.5}


if __name__ == "__main__":
    __return__ = main()
""",
        by_hand="Assign the value that the job should return to `__return__` at module level.",
        reference="https://docs.snowflake.com/en/developer-guide/snowflake-ml/ml-jobs/overview",
    ),
    "assign the value to `__return__`",
    Safety.SAFE,
)
CLI_VALUE = Rule(
    "MLJ102",
    "command-exits",
    Level.WARNING,
    Documentation(
        finds="A click command or typer app whose function returns a value.",
        matters="In standalone mode the command exits when it is done, and the job's result is None. Inside "
        "a job the fix calls it without standalone mode, which hands the value on.",
        before="""\
import click


@click.command()
@click.option("--depth", default=3)
def main(depth):
    return {"depth": depth}


if __name__ == "__main__":
    main()
""",
        after="""\
import os

import click


@click.command()
@click.option("--depth", default=3)
def main(depth):
    return {"depth": depth}


if __name__ == "__main__":
    __return__ = main(standalone_mode="MLRS_STAGE_RESULT_PATH" not in os.environ)
""",
        by_hand="Where something in the script's reach exits with a status other than 0, it is only "
        "explained: without standalone mode `ctx.exit(3)` comes back as a value and the job ends as done. "
        "Raise an exception instead of exiting, then convert again.",
        reference="https://click.palletsprojects.com/en/stable/api/#click.Command.main",
    ),
    "call without standalone mode in a job and assign the value to `__return__`",
    Safety.SAFE,
)
EXIT_VALUE = Rule(
    "MLJ103",
    "exit-with-a-value",
    Level.ERROR,
    Documentation(
        finds="`sys.exit(main())` or `raise SystemExit(main())` where `main` returns something that is no "
        "exit status, such as a dictionary.",
        matters="Python prints such a value and exits with status 1, so the job fails and the value is lost.",
        before="""\
import sys


def main():
    return {"auc": 0.5}


if __name__ == "__main__":
    sys.exit(main())
""",
        after="""\
import os
import sys


def main():
    return {"auc": 0.5}


if __name__ == "__main__":
    __return__ = main()
    if "MLRS_STAGE_RESULT_PATH" not in os.environ:
        sys.exit(__return__)
""",
        unsafe_when="A job that ended as failed then ends as done, for every value that `main` returns.",
        by_hand="Return a status from `main`, and assign the value to `__return__` in its place.",
    ),
    "assign the value to `__return__` and exit outside jobs only",
    Safety.UNSAFE,
)
NO_VALUE = Rule(
    "MLJ104",
    "no-return-value",
    Level.NOTE,
    Documentation(
        finds="An entry function that returns nothing, or whose body nothing runs: a generator, or a "
        "coroutine that nothing awaits.",
        matters="`job.result()` is None. Files that the script writes are kept all the same.",
        by_hand="Return what is worth knowing of a run, such as a dictionary of metrics.",
    ),
)
WRAPPED = Rule(
    "MLJ105",
    "wrapper-drops-value",
    Level.NOTE,
    Documentation(
        finds="A function that returns a value and is started by absl's `app.run`, hydra or `typer.run`.",
        matters="hydra and `typer.run` drop the value. `app.run` exits with it, as `sys.exit` does: where it "
        "is no exit status the job fails, and the finding is an error.",
        by_hand="With hydra, declare `global __return__` in the function and assign the value to it. "
        "`app.run` and `typer.run` exit in the end, and an exit loses `__return__`: with absl, write "
        "`__return__ = main(flags.FLAGS(sys.argv))` in the guard; with typer, make the function a command of "
        "a `typer.Typer()`, which MLJ102 converts.",
    ),
)
NAMED_VALUE = Rule(
    "MLJ106",
    "return-variable",
    Level.WARNING,
    Documentation(
        finds="A script whose work stands in the guard or at module level, so that no call has its result; "
        "with `--return NAME`, or the setting `return`, the variable that the job should return.",
        matters="A job returns what the module's variable `__return__` holds, and nothing else.",
        before="""\
scores = [0.7, 0.9]
metrics = {"best": max(scores)}
print(metrics)
""",
        after="""\
scores = [0.7, 0.9]
metrics = {"best": max(scores)}
print(metrics)
__return__ = metrics
""",
        by_hand="Convert with `--return NAME` (here `--return metrics`), or assign the variable to "
        "`__return__`.",
    ),
    "assign the variable to `__return__`",
    Safety.SAFE,
)
ALREADY_EXITED = Rule(
    "MLJ107",
    "exit-loses-value",
    Level.WARNING,
    Documentation(
        finds="An exit behind the call, or the assignment to `__return__`, that has the job's result.",
        matters="An exit makes the launcher forget the module's variables, `__return__` with them.",
        before="""\
import sys


def main():
    return {"ok": True}


if __name__ == "__main__":
    main()
    sys.exit(0)
""",
        after="""\
import os
import sys


def main():
    return {"ok": True}


if __name__ == "__main__":
    __return__ = main()
    if "MLRS_STAGE_RESULT_PATH" not in os.environ:
        sys.exit(0)
""",
        by_hand="Leave the exit out, or make it conditional where it reports a failure.",
    ),
    "assign the value to `__return__` and exit outside jobs only",
    Safety.SAFE,
)
CHANGED_KIND = Rule(
    "MLJ108",
    "result-changes-kind",
    Level.NOTE,
    Documentation(
        finds="A returned tuple, dictionary with integer keys, or object of a class of the project.",
        matters="Results travel as JSON where they can, which has lists and string keys only; other objects "
        "are pickled, and reading them takes the same class and Python version.",
        by_hand="Return dictionaries with string keys, lists, numbers and strings.",
    ),
)

RULES = (
    VALUE_LOST,
    CLI_VALUE,
    EXIT_VALUE,
    NO_VALUE,
    WRAPPED,
    NAMED_VALUE,
    ALREADY_EXITED,
    CHANGED_KIND,
)
