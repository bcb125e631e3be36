"""Sessions, connections and credentials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mljob_codemod.codemods import session
from mljob_codemod.findings import Level
from tests.codemod_case import Result, make_job, run_codemod

Check = Callable[..., Result]

IMPORT = "from snowflake.snowpark import Session\n"
CREATE = "Session.builder.configs({}).create()"


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Run the codemod on a script with other files of its project."""

    def check_script(script: str, **modules: str) -> Result:
        files = {"train.py": script, **{f"{name}.py": text for name, text in modules.items()}}
        return run_codemod(session, make_job(tmp_path, files))

    return check_script


ACTIVE = "from snowflake.snowpark.context import get_active_session\n"


def test_session_for_where_none_is_active_is_left_alone(check: Check) -> None:
    body = f"try:\n    s = get_active_session()\nexcept Exception:\n    s = {CREATE}\n"
    assert check(IMPORT + ACTIVE + body).codes == []


def test_handler_of_other_work_is_no_fallback(check: Check) -> None:
    body = f"try:\n    get_active_session().use_role('x')\nexcept Exception:\n    s = {CREATE}\n"
    assert check(IMPORT + ACTIVE + body).codes == ["MLJ701"]


@pytest.mark.parametrize("method", ["create", "getOrCreate"])
@pytest.mark.parametrize(
    "script",
    [
        "s = Session.builder.config('user', os.environ['SF_USER']).{}()\n",
        "p = {{'user': os.environ['SF_USER'], 'role': os.getenv('R')}}\nSession.builder.configs(p).{}()\n",
        "def p():\n    return dict(user=os.environ['SF_USER'])\nSession.builder.configs(p()).{}()\n",
        "b = Session.builder\nb = b.config('user', os.environ['SF_USER'])\nb.{}()\n",
    ],
    ids=["argument", "dictionary", "function", "builder"],
)
def test_variables_that_a_job_does_not_have(check: Check, script: str, method: str) -> None:
    result = check("import os\n" + IMPORT + script.format(method))
    assert result.codes == ["MLJ701", "MLJ706"][method == "getOrCreate" :]
    assert "`SF_USER`" in result.finding("MLJ706").message


def test_variables_with_a_default_are_fine(check: Check) -> None:
    script = (
        "import os\n"
        + IMPORT
        + "Session.builder.config('user', os.environ.get('U')).getOrCreate()\n"
    )
    assert check(script).codes == []


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(IMPORT + f"s = {CREATE}\n", id="module level"),
        pytest.param(
            IMPORT + "b = Session.builder\nb = b.config('a', 1)\ns = b.create()\n", id="kept"
        ),
        pytest.param(
            "import snowflake.snowpark as sp\ns = sp.Session.builder.create()\n",
            id="aliased module",
        ),
        pytest.param(
            IMPORT + f"def f():\n    return {CREATE}\ns = f()\n", id="function called once"
        ),
        pytest.param(
            IMPORT + f"def f():\n    s = None\n    if s is None:\n        s = {CREATE}\nf()\nf()\n",
            id="made once and kept",
        ),
        pytest.param(
            "import functools\n"
            + IMPORT
            + f"@functools.cache\ndef f():\n    return {CREATE}\nf()\nf()\n",
            id="cached",
        ),
        pytest.param(
            IMPORT + f"import sys\nif sys.argv:\n    s = {CREATE}\nelse:\n    s = {CREATE}\n",
            id="either of two",
        ),
        pytest.param(
            "import fire\n" + IMPORT + f"def f():\n    {CREATE}\nfire.Fire(f)\n", id="fire"
        ),
        pytest.param(IMPORT + f"with {CREATE} as s:\n    s.table('t')\n", id="context manager"),
    ],
)
def test_one_session_is_shared_with_the_job(check: Check, script: str) -> None:
    result = check(script)
    assert set(result.codes) == {"MLJ701"}
    assert result.text() == script.replace(".create()", ".getOrCreate()")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param(IMPORT + f"a = {CREATE}\nb = {CREATE}\n", "several", id="two"),
        pytest.param(
            IMPORT + f"a = {CREATE}\nb = Session.builder.getOrCreate()\n", "several", id="two ways"
        ),
        pytest.param(IMPORT + f"for i in range(2):\n    s = {CREATE}\n", "loop", id="loop"),
        pytest.param(
            IMPORT + f"def f():\n    return {CREATE}\na, b = f(), f()\n", "`f`", id="called twice"
        ),
        pytest.param(
            IMPORT + f"def f():\n    return {CREATE}\nlist(map(f, [1]))\n", "`f`", id="handed on"
        ),
    ],
)
def test_several_sessions_are_reported(check: Check, script: str, reason: str) -> None:
    result = check(script)
    assert set(result.codes) == {"MLJ701"}
    assert result.edits(unsafe=True) == []
    assert all(finding.level is Level.ERROR for finding in result.findings)
    assert all(reason in finding.message for finding in result.findings)


def test_session_of_a_local_module(check: Check) -> None:
    result = check(
        "from db import get\ns = get()\n", db=IMPORT + f"def get():\n    return {CREATE}\n"
    )
    assert result.finding("MLJ701").location.path == "db.py"
    assert ".getOrCreate()" in result.text("db.py")


@pytest.mark.parametrize(
    "script",
    [
        "from mine import Session\ns = Session.builder.create()\n",
        IMPORT + "s = Session.builder.getOrCreate()\n",
        "import openai\nopenai.chat.completions.create(model='m')\n",
    ],
)
def test_other_calls_are_left_alone(check: Check, script: str) -> None:
    assert check(script).codes == []


def test_plan_lists_sessions_without_their_arguments(check: Check) -> None:
    script = IMPORT + "s = Session.builder.config('password', 'hunter2-hunter').getOrCreate()\n"
    (evidence,) = check(script).plan.sessions
    assert (evidence.path, evidence.line) == ("train.py", 2)
    assert "hunter2" not in evidence.what


@pytest.mark.parametrize(
    "script",
    [
        "params = {'user': 'me', 'password': 'hunter2-hunter'}\n",
        "connect(user='me', password='hunter2-hunter')\n",
        "PASSWORD = 'hunter2-hunter'\n",
        "builder.config('password', 'hunter2-hunter')\n",
        "login(token='hf_hunter2hunter2hunter2hunter2')\n",
        "key = '''-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----'''\n",
        "params['private_key'] = 'hunter2-hunter'\n",
    ],
)
def test_credentials_are_found_and_not_shown(check: Check, script: str) -> None:
    finding = check(script + "print(1)\n").finding("MLJ702")
    assert "hunter2" not in finding.message


@pytest.mark.parametrize(
    "script",
    [
        "import os\nparams = {'password': os.environ['SNOWFLAKE_PASSWORD']}\n",
        "connect(password='')\n",
        "connect(password='<your password>')\n",
        "parser.add_argument('--password', default=None)\n",
        "tokenizer = T(pad_token='<pad>', unk_token='[UNK]', mask_token='[MASK]')\n",
        "PASSWORD_VARIABLE = 'SNOWFLAKE_PASSWORD'\nsecret = 'ML_JOB_SECRET'\n",
        "token = 'bert'\n",
    ],
)
def test_no_credentials(check: Check, script: str) -> None:
    assert check(script + "print(1)\n").codes == []


@pytest.mark.parametrize(
    "call",
    [
        "s.use_warehouse('W')",
        "s.sql('USE WAREHOUSE w').collect()",
        "s.sql(f'use warehouse {w}').collect()",
    ],
)
def test_warehouse(check: Check, call: str) -> None:
    script = IMPORT + f"w = 'w'\ns = Session.builder.getOrCreate()\n{call}\n"
    result = check(script)
    assert result.codes == ["MLJ703"]
    assert result.finding("MLJ703").level is Level.NOTE


def test_other_statements_are_no_warehouse(check: Check) -> None:
    assert (
        check(IMPORT + "s = Session.builder.getOrCreate()\ns.sql('USE DATABASE d')\n").codes == []
    )


def test_connector(check: Check) -> None:
    script = "import snowflake.connector as sc\nc = sc.connect(account='a')\n"
    assert check(script).codes == ["MLJ704"]


def test_connector_with_the_token_of_a_container(check: Check) -> None:
    script = (
        "import snowflake.connector\n"
        "t = open('/snowflake/session/token').read()\n"
        "c = snowflake.connector.connect(token=t, authenticator='oauth')\n"
    )
    assert check(script).codes == []


@pytest.mark.parametrize(
    ("send", "codes"),
    [
        ("from multiprocessing import Process\nProcess(target=f, args=(s,)).start()\n", ["MLJ705"]),
        (
            "from multiprocessing import Pool\nwith Pool(2) as p:\n    p.map(partial(f, s), [1])\n",
            ["MLJ705"],
        ),
        (
            "from multiprocessing.pool import ThreadPool\nThreadPool(2).map(partial(f, s), [1])\n",
            [],
        ),
        ("f(s)\n", []),
    ],
)
def test_session_that_is_passed_to_a_process(check: Check, send: str, codes: list[str]) -> None:
    script = (
        "from functools import partial\n" + IMPORT + "def f(s, x=1): pass\n"
        "s = Session.builder.getOrCreate()\n"
    )
    assert check(script + send).codes == codes
