"""The entry point: which calls have the result, and how fixes keep it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mljob_codemod.codemods import entry_point
from mljob_codemod.config import Settings
from mljob_codemod.findings import Level
from tests.codemod_case import Result, make_job, run_codemod

Check = Callable[..., Result]

MAIN = 'def main():\n    return {"loss": 0.5}\n\n\n'
GUARD = 'if __name__ == "__main__":\n'


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Run the codemod on a script, with other files of its project and a ``--return`` name."""

    def check_script(script: str, return_name: str | None = None, **modules: str) -> Result:
        files = {"train.py": script, **{f"{name}.py": text for name, text in modules.items()}}
        settings = Settings(return_name=return_name, file=tmp_path / "mljob.toml")
        return run_codemod(entry_point, make_job(tmp_path, files, settings=settings))

    return check_script


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("    main()\n", "    __return__ = main()\n", id="plain"),
        pytest.param("    result = main()\n", "    __return__ = result = main()\n", id="assigned"),
        pytest.param(
            "    result: dict = main()\n    print(result)\n",
            "    result: dict = main()\n    __return__ = result\n    print(result)\n",
            id="annotated",
        ),
        pytest.param(
            "    main()\n    main()\n",
            "    main()\n    __return__ = main()\n",
            id="last of several",
        ),
        pytest.param(
            "    try:\n        main()\n    finally:\n        print('bye')\n",
            "    try:\n        __return__ = main()\n    finally:\n        print('bye')\n",
            id="in try",
        ),
        pytest.param(
            "    with open('log') as f:\n        main()\n",
            "    with open('log') as f:\n        __return__ = main()\n",
            id="in with",
        ),
        pytest.param(
            "    if len(__file__) > 3:\n        main()\n    else:\n        x = main()\n",
            "    if len(__file__) > 3:\n        __return__ = main()\n"
            "    else:\n        __return__ = x = main()\n",
            id="in both branches",
        ),
        pytest.param("    print(main())\n", "    print(__return__ := main())\n", id="printed"),
        pytest.param(
            "    print(*main())\n", "    print(*(__return__ := main()))\n", id="printed in parts"
        ),
        pytest.param(
            "    print('loss', main(), sep=':')\n",
            "    print('loss', (__return__ := main()), sep=':')\n",
            id="printed with others",
        ),
    ],
)
def test_value_in_the_guard_is_assigned(check: Check, before: str, after: str) -> None:
    result = check(MAIN + GUARD + before)
    assert result.text() == MAIN + GUARD + after
    assert set(result.codes) == {"MLJ101"}
    assert result.plan.returns


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(MAIN + 'if "__main__" == __name__:\n    main()\n', id="reversed"),
        pytest.param(MAIN + 'if __name__ == "__main__" and True:\n    main()\n', id="and"),
        pytest.param(MAIN + 'if __name__ == "__main__" or True:\n    main()\n', id="or"),
        pytest.param(MAIN + "main()\n", id="no guard"),
        pytest.param("main = lambda: 3\n" + GUARD + "    main()\n", id="lambda"),
        pytest.param(
            "from functools import partial\ndef work(n):\n    return n\nmain = partial(work, 3)\n"
            + GUARD
            + "    main()\n",
            id="partial",
        ),
        pytest.param(
            MAIN.replace("def", "async def")
            + "import asyncio\n"
            + GUARD
            + "    asyncio.run(main())\n",
            id="asyncio",
        ),
        pytest.param(
            MAIN.replace("def", "async def") + "import anyio\n" + GUARD + "    anyio.run(main)\n",
            id="anyio",
        ),
        pytest.param(MAIN + "import fire\n" + GUARD + "    fire.Fire(main)\n", id="fire"),
        pytest.param(
            "class Trainer:\n    def run(self):\n        return 1\n"
            + GUARD
            + "    Trainer().run()\n",
            id="method",
        ),
    ],
)
def test_forms_of_guard_and_call(check: Check, script: str) -> None:
    result = check(script)
    assert result.codes == ["MLJ101"]
    assert "\n__return__ = " in result.text().replace("    ", "")


def test_one_line_guard(check: Check) -> None:
    result = check(MAIN + 'if __name__ == "__main__": main()\n')
    assert result.text() == MAIN + 'if __name__ == "__main__": __return__ = main()\n'


def test_callee_of_a_local_module(check: Check) -> None:
    result = check(
        "from loop import run\n" + GUARD + "    run()\n", loop="def run():\n    return 1\n"
    )
    assert result.text().endswith("    __return__ = run()\n")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("    print(1)\n", id="nothing"),
        pytest.param("    if x:\n        return\n    return None\n", id="None"),
        pytest.param("    raise ValueError\n    return 1\n", id="behind raise"),
        pytest.param("    def inner():\n        return 1\n    inner()\n", id="nested function"),
        pytest.param("    yield 1\n    return 2\n", id="generator"),
        pytest.param("    return print(1)\n", id="returns print"),
        pytest.param("    return helper()\n", id="returns what returns nothing"),
        pytest.param("    while True:\n        pass\n    return 1\n", id="behind an endless loop"),
    ],
)
def test_no_value(check: Check, body: str) -> None:
    result = check("x = 1\ndef helper():\n    x\ndef main():\n" + body + GUARD + "    main()\n")
    assert result.codes == ["MLJ104"]
    assert not result.plan.returns
    assert result.plan.entry.returns_value is False


def test_names_variables_that_look_like_results(check: Check) -> None:
    result = check("def main():\n    n = 1\n    best_acc = n\n" + GUARD + "    main()\n")
    assert "`best_acc`" in result.finding("MLJ104").message
    assert "`n`" not in result.finding("MLJ104").message


def test_function_that_nothing_runs(check: Check) -> None:
    stream = check("def main():\n    yield 1\n" + GUARD + "    main()\n").finding("MLJ104")
    assert stream.message.startswith("`main` is a generator function that nothing runs")
    awaited = check("async def main():\n    return 1\n" + GUARD + "    main()\n").finding("MLJ104")
    assert awaited.message.startswith("`main` is a coroutine function that nothing awaits")


def test_command_of_a_class_names_no_return_value_of_the_class(check: Check) -> None:
    script = "import fire\nclass Trainer:\n    def run(self):\n        return 1\n"
    finding = check(script + GUARD + "    fire.Fire(Trainer)\n").finding("MLJ101")
    assert "what the method of `Trainer` returns" in finding.message


@pytest.mark.parametrize(
    "guard",
    [
        pytest.param("    args = parse_args()\n    train(args)\n", id="options"),
        pytest.param("    data = load_data()\n    train(data)\n", id="data"),
        pytest.param("    set_up()\n    train(1)\n", id="setup"),
        pytest.param("    for i in range(3):\n        loss = evaluate(i)\n", id="loop"),
    ],
)
def test_values_that_work_starts_from_are_no_results(check: Check, guard: str) -> None:
    functions = "".join(
        f"def {name}(*args):\n    return 1\n"
        for name in ("parse_args", "load_data", "set_up", "evaluate")
    )
    result = check(functions + "def train(x):\n    print(x)\n" + GUARD + guard)
    assert not {"MLJ101"} & set(result.codes)


CLICK = """\
import click


@click.command()
def main():
    {body}
    return 1


if __name__ == "__main__":
    main()
"""


def test_click_command(check: Check) -> None:
    text = check(CLICK.format(body="pass")).text()
    assert '__return__ = main(standalone_mode="MLRS_STAGE_RESULT_PATH" not in os.environ)' in text
    assert "import os\n" in text


@pytest.mark.parametrize(
    ("body", "left_alone"),
    [
        ("click.get_current_context().exit(3)", True),
        ("if len(__file__) > 99: raise SystemExit(2)", True),
        ("if len(__file__) > 99: raise SystemExit(0)", False),
        ("click.get_current_context().exit()", False),
    ],
)
def test_click_command_that_exits(check: Check, body: str, left_alone: bool) -> None:
    finding = check(CLICK.format(body=body)).finding("MLJ102")
    assert (finding.fix is None) == left_alone
    assert finding.level is (Level.NOTE if left_alone else Level.WARNING)


def test_click_command_whose_module_exits(check: Check) -> None:
    script = CLICK.format(body="import checks")
    result = check(script, checks="import sys\ndef f():\n    sys.exit(4)\n")
    assert result.finding("MLJ102").fix is None
    assert "checks.py:3" in result.finding("MLJ102").message


def test_click_command_in_standalone_mode_off(check: Check) -> None:
    script = CLICK.format(body="pass").replace("    main()\n", "    main(standalone_mode=False)\n")
    assert check(script).codes == ["MLJ101"]


def test_typer_app(check: Check) -> None:
    script = (
        "import typer\napp = typer.Typer()\n@app.command()\ndef go(n: int = 1):\n    return n\n"
        + GUARD
        + "    app()\n"
    )
    result = check(script)
    assert result.codes == ["MLJ102"]
    assert (result.plan.entry.form, result.plan.entry.callee) == ("guard_cli", "app")


@pytest.mark.parametrize(
    ("run", "remedy"),
    [
        ("import typer\n" + GUARD + "    typer.run(main)\n", "`typer.Typer()`"),
        (
            "import hydra\nmain = hydra.main()(main)\n" + GUARD + "    main()\n",
            "`global __return__`",
        ),
    ],
)
def test_wrappers_are_explained(check: Check, run: str, remedy: str) -> None:
    result = check(MAIN + run)
    assert result.codes == ["MLJ105"]
    finding = result.finding("MLJ105")
    assert finding.level is Level.NOTE
    assert remedy in finding.message
    assert not result.plan.returns


@pytest.mark.parametrize(
    ("value", "level"), [("{'a': 1}", Level.ERROR), ("0", Level.NOTE), ("f()", Level.NOTE)]
)
def test_absl_fails_a_job_with_a_value_that_is_no_status(
    check: Check, value: str, level: Level
) -> None:
    main = (
        f"from math import floor as f\nfrom absl import app\ndef main(argv):\n    return {value}\n"
    )
    finding = check(main + GUARD + "    app.run(main)\n").finding("MLJ105")
    assert finding.level is level
    assert ("the job fails, and the value is lost" in finding.message) == (level is Level.ERROR)


@pytest.mark.parametrize("leave", ["sys.exit(main())", "raise SystemExit(main())"])
def test_exit_with_a_value_is_split_by_the_unsafe_fix(check: Check, leave: str) -> None:
    script = "import os\nimport sys\n\n\n" + MAIN + GUARD
    result = check(f"{script}    {leave}\n")
    assert result.codes == ["MLJ103"]
    assert result.text() == f"{script}    {leave}\n"
    assert result.text(unsafe=True) == (
        f"{script}    __return__ = main()\n"
        '    if "MLRS_STAGE_RESULT_PATH" not in os.environ:\n'
        f"        {leave.replace('main()', '__return__')}\n"
    )


@pytest.mark.parametrize(
    "body",
    [
        "    return 0\n",
        "    return x > 1\n",
        "    print(1)\n",
        "    if x:\n        return 2\n    return 0\n",
    ],
)
def test_exit_with_a_status_is_right(check: Check, body: str) -> None:
    result = check("import sys\nx = 1\ndef main():\n" + body + GUARD + "    sys.exit(main())\n")
    assert result.codes == []
    assert result.plan.entry.form == "guard_exit"


def test_annotation_says_status(check: Check) -> None:
    script = "import sys\ndef main() -> int:\n    return {}\n" + GUARD + "    sys.exit(main())\n"
    assert check(script).codes == []


def test_exit_behind_the_call(check: Check) -> None:
    script = "import os\nimport sys\n\n\n" + MAIN + GUARD + "    main()\n"
    result = check(script + "    sys.exit(0)\n")
    assert result.codes == ["MLJ107"]
    assert result.text().endswith(
        '    __return__ = main()\n    if "MLRS_STAGE_RESULT_PATH" not in os.environ:\n'
        "        sys.exit(0)\n"
    )


def test_failing_exit_behind_the_call_is_explained(check: Check) -> None:
    result = check("import sys\n" + MAIN + GUARD + "    main()\n    sys.exit(3)\n")
    assert result.codes == ["MLJ107"]
    assert result.finding("MLJ107").fix is None


def test_code_behind_the_guard_forbids_skipping_the_exit(check: Check) -> None:
    script = "import sys\n" + MAIN + GUARD + "    main()\n    sys.exit()\n\nprint('imported')\n"
    assert check(script).finding("MLJ107").fix is None


@pytest.mark.parametrize(
    "script",
    [
        MAIN + GUARD + "    __return__ = main()\n",
        "def main():\n    global __return__\n    __return__ = 1\n    return 2\n"
        + GUARD
        + "    main()\n",
    ],
)
def test_already_converted(check: Check, script: str) -> None:
    result = check(script)
    assert result.codes == []
    assert result.plan.returns


def test_return_name_in_the_guard(check: Check) -> None:
    script = GUARD + "    loss = 0.5\n    print(loss)\n    # done\n"
    result = check(script, return_name="loss")
    assert "    __return__ = loss\n" in result.text()
    assert result.plan.returns


def test_return_name_at_module_level(check: Check) -> None:
    assert check("loss = 0.5\nprint(loss)\n", return_name="loss").text() == (
        "loss = 0.5\nprint(loss)\n__return__ = loss\n"
    )


def test_return_name_that_may_be_unbound(check: Check) -> None:
    script = "for i in range(3):\n    loss = i\n    print(i)\n"
    text = check(script, return_name="loss").text()
    assert text == script + '\n__return__ = globals().get("loss")\n'


def test_return_name_in_the_function(check: Check) -> None:
    script = "def main():\n    loss = 0.5\n    print(loss)\n\n\n" + GUARD + "    main()\n"
    text = check(script, return_name="loss").text()
    assert text == script.replace("(loss)\n", "(loss)\n    return loss\n").replace(
        "    main()", "    __return__ = main()"
    )


def test_return_name_that_does_not_exist(check: Check) -> None:
    finding = check("loss = 0.5\nprint(loss)\n", return_name="lost").finding("MLJ106")
    assert finding.level is Level.ERROR
    assert "did you mean `loss`?" in finding.message


def test_code_without_function_names_candidates(check: Check) -> None:
    finding = check(GUARD + "    accuracy = 1\n    print(accuracy)\n").finding("MLJ106")
    assert finding.level is Level.NOTE
    assert "--return accuracy" in finding.message


@pytest.mark.parametrize(
    ("body", "first"),
    [
        ("    loss = 1\n    accuracy = 2\n", "accuracy"),
        ("    loss = 1\n    metrics = {'loss': loss}\n    best = loss\n", "metrics"),
        ("    history = []\n    loss = 1\n", "history"),
    ],
)
def test_the_variable_that_holds_most_is_named_first(check: Check, body: str, first: str) -> None:
    finding = check(GUARD + body + "    print(1)\n").finding("MLJ106")
    assert f"`--return {first}`" in finding.message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1, 2", "tuple"),
        ("{'a': {0: 1}}", "integer keys"),
        ("Thing()", "`Thing`"),
    ],
)
def test_kinds_that_change(check: Check, value: str, text: str) -> None:
    script = f"class Thing: pass\ndef main():\n    return {value}\n" + GUARD + "    main()\n"
    assert text in check(script).finding("MLJ108").message


@pytest.mark.parametrize(
    "end",
    [
        "__return__ = main()\n",
        "pair = main(), 3\n__return__ = pair\n",
        "def record():\n    global __return__\n    pair = 1, 2\n    __return__ = pair\n\nrecord()\n",
    ],
)
def test_kinds_that_change_where_the_script_records_them_itself(check: Check, end: str) -> None:
    result = check(f"def main():\n    return 1, 2\n\nprint('start')\n{end}")
    assert "a tuple becomes a list" in result.finding("MLJ108").message


@pytest.mark.parametrize("value", ["[1, 2]", "{'a': 1}", "[[1], [2]]"])
def test_kinds_that_stay(check: Check, value: str) -> None:
    assert check(f"print('start')\n__return__ = {value}\n").codes == []
    assert check(f"def main():\n    return {value}\n" + GUARD + "    main()\n").codes == ["MLJ101"]


@pytest.mark.parametrize(
    ("script", "form", "callee"),
    [
        (
            GUARD + "    for i in range(3):\n        f(i)\n        print(i)\n        g = f(i)\n",
            "guard_block",
            None,
        ),
        (GUARD + "    args = 1\n    f(args)\n", "guard_call", "f"),
        (GUARD + "    f(1)\n    print('done')\n", "guard_call", "f"),
        (GUARD + "    import unittest\n    unittest.main()\n", "guard_cli", None),
        ("f(1)\n", "toplevel_call", "f"),
        ("print(1)\n", "toplevel", None),
        ("for i in range(3):\n    f(i)\nf(1)\n", "toplevel", None),
    ],
)
def test_form(check: Check, script: str, form: str, callee: str | None) -> None:
    entry = check("def f(x):\n    print(x)\n" + script).plan.entry
    assert (entry.form, entry.callee) == (form, callee)


@pytest.mark.parametrize(
    ("script", "cli"),
    [
        ("import argparse\nargparse.ArgumentParser().parse_args()\n", "argparse"),
        ("import sys\nprint(sys.argv[1])\n", "sys_argv"),
        ("from transformers import HfArgumentParser as P\nP(int)\n", "hf_argument_parser"),
        ("from absl import app, flags\nflags.DEFINE_string('a', '', '')\n", "absl"),
        ("from docopt import docopt\ndocopt(__doc__)\n", "other"),
        ("exec(open('configurator.py').read())\n", "other"),
        ("print(1)\n", "none"),
    ],
)
def test_cli(check: Check, script: str, cli: str) -> None:
    assert check(script).plan.cli == cli


def test_cli_of_a_parser_in_a_local_module(check: Check) -> None:
    options = "import argparse\ndef parse():\n    return argparse.ArgumentParser().parse_args()\n"
    assert check("from options import parse\nparse()\n", options=options).plan.cli == "argparse"


def test_script_options(check: Check) -> None:
    script = "import argparse\np = argparse.ArgumentParser()\np.add_argument('-s', '--seed')\np.add_argument('x')\n"
    assert check(script).plan.script_options == ["-s", "--seed"]
