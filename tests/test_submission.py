"""The text of submit_job.py, and what its functions do; ``tests/client`` runs it through the client."""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from mljob_codemod.config import JobSettings, Settings
from mljob_codemod.generated_text import literal
from mljob_codemod.plan import (
    Compute,
    Distribution,
    EnvVar,
    Evidence,
    Import,
    Install,
    JobPlan,
    Net,
    OutputArgument,
    RemoteFunction,
    Service,
)
from mljob_codemod.submission import (
    is_generated,
    kept_notice,
    render_submission,
    submission_state,
)

RESULTS = "$MLRS_STAGE_RESULT_PATH"
HOSTILE = (
    "it's.py",
    'say "hi".py',
    """both ' and " and ''.py""",
    'triple """.py',
    "line\nbreak\r.py",
    "{braces} %(prog)s %s.py",
    "$JOBS $TITLE ${x}.py",
    "back\\slash\\.py",
    "größe 数据 \u202e\U0001f680.py",
    "\udcff.py",
)


REASONS = (Evidence("train.py", 7, "mlflow.start_run writes mlruns/ in the working directory"),)


def plan(script: str = "train.py", **fields: Any) -> JobPlan:
    return JobPlan(script, **{"root": ".", "entrypoint": script, **fields})


def output(option: str, *passed: str, position: int | None = None) -> OutputArgument:
    return OutputArgument(option, "out", "train.py", 20, "path", passed=passed, position=position)


FULL = plan(
    compute=Compute(True, "GPU_NV_S", None, 2, (Evidence("train.py", 34, 'model.to("cuda")'),)),
    installs=[
        Install(
            "opencv-python",
            "opencv-python",
            Evidence("train.py", 3, "imports cv2, which the runtime image does not have"),
        )
    ],
    pip_requirements=["opencv-python", *(f"a-package-with-a-name=={i}" for i in range(3))],
    services=[
        Service("huggingface", ("huggingface.co",), "train.py", 9),
        Service("wandb", ("api.wandb.ai",), "train.py", 11),
    ],
    output_arguments=[
        output("--out", "--out", f"{RESULTS}/out"),
        output("--log"),
        output("dest", f"{RESULTS}/dest", position=1),
    ],
    script_options=["--out", "--wait"],
    returns=True,
)
FOLDER = plan(
    "tools/it's.py",
    root="..",
    entrypoint="project/tools/it's.py",
    method="submit_directory",
    local_modules=["a.py", "b/__init__.py", "c.py", "d.py"],
    local_imports=[Evidence("it's.py", 3, "a.py"), Evidence("a.py", 2, "b/__init__.py")],
)
EVERY_NODE = plan(
    compute=Compute(nodes=2),
    distribution=Distribution(
        "one", "more", every_node=True, reasons=(Evidence("train.py", 7, "DDP(…)"),)
    ),
    env_vars=[
        EnvVar("HF_HOME", "/tmp/hf"),
        EnvVar("A", "b", Evidence("train.py", 2, 'environ["A"]')),
    ],
    imports=[Import("../lib/common", "common"), Import("../lib/a-long-name-of-a-module.py", "b")],
    method="submit_directory",
)
SETTINGS = Settings(
    connection="dev",
    database="ML",
    schema="JOBS",
    stage="payloads",
    query_warehouse="WH",
    integrations={"huggingface": "HF_ACCESS", "pip_install": "PYPI_ACCESS"},
    min_instances=1,
    jobs={"train.py": JobSettings(args=("--epochs", "3"))},
)
FUNCTION = RemoteFunction(
    "fit",
    7,
    "it's",
    (("a b/it's.py", "it's"), ("lib", "lib")),
    (("epochs", True), ("größe", False)),
)
SHAPES: dict[str, tuple[list[JobPlan], Settings, str]] = {
    "file": ([plan()], Settings(), "."),
    "everything": ([FULL], SETTINGS, "."),
    "every_node": ([EVERY_NODE], SETTINGS, "."),
    "every_node_of_one": ([EVERY_NODE, plan("other.py")], Settings(), "."),
    "folder": ([FOLDER], SETTINGS, "tools"),
    "folder_with_outputs": (
        [plan(method="submit_directory", output_arguments=FULL.output_arguments)],
        SETTINGS,
        ".",
    ),
    "several_files": ([plan("a/x.py", root="a"), plan("a/y.py", root="a")], SETTINGS, "a"),
    "several_mixed": ([FULL, plan("other.py", method="submit_directory")], SETTINGS, "."),
    "several_folders": (
        [plan(name, root="src lib", method="submit_directory") for name in ("x.py", "y.py")],
        SETTINGS,
        ".",
    ),
    "from_stage": ([plan(source="@CODE/it's", method="submit_from_stage")], SETTINGS, "."),
    "some_from_stage": (
        [FULL, plan("other.py", source="@CODE", method="submit_from_stage")],
        SETTINGS,
        ".",
    ),
    "function": ([plan("a b/it's.py", method="remote", remote=FUNCTION)], SETTINGS, "a b"),
    "function_of_session": (
        [plan(method="remote", remote=replace(FUNCTION, parameters=(), session="session"))],
        replace(SETTINGS, python="3.11"),
        ".",
    ),
    "hostile": (
        [
            plan(
                name,
                root=f"{name}/{name}",
                compute=Compute(reasons=(Evidence(name, 1, name),), compute_pool=name),
                installs=[Install(name, name, Evidence(name, 1, name))],
                pip_requirements=[name],
                services=[Service(name, (), name, 1)],
                output_arguments=[output(name, name, name)],
                local_imports=[Evidence(name, 1, name)],
                method="submit_directory",
            )
            for name in HOSTILE
        ],
        Settings(
            *HOSTILE[:6],
            integrations={HOSTILE[0]: HOSTILE[1]},
            jobs=dict.fromkeys(HOSTILE, JobSettings(HOSTILE, query_warehouse=HOSTILE[2])),
        ),
        ".",
    ),
    **{
        "_".join(("kinds", *("net" * net + method[6:] for net, method in kinds))): (
            [
                plan(f"{i}.py", method=method, net=Net(net, REASONS))
                for i, (net, method) in enumerate(kinds)
            ],
            Settings(),
            ".",
        )
        for number in (1, 2, 3)
        for kinds in combinations(
            product((False, True), ("submit_file", "submit_directory")), number
        )
    },
    **{f"hostile_{i}": ([plan(name)], SETTINGS, ".") for i, name in enumerate(HOSTILE)},
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one file for each of SHAPES."""
    folder = tmp_path_factory.mktemp("submissions")
    for name, shape in SHAPES.items():
        (folder / f"{name}.py").write_text(render_submission(*shape), "utf-8")
    return folder


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., ModuleType]:
    """Import the submission of some plans from a file that lies in ``tmp_path``."""

    def import_submission(*plans: JobPlan, **settings: Any) -> ModuleType:
        path = tmp_path / "submit_job.py"
        path.write_text(render_submission(plans, Settings(**settings), "."), encoding="utf-8")
        spec = importlib.util.spec_from_file_location("submit_job", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return import_submission


@pytest.mark.parametrize("command", [["format", "--diff"], ["check"]], ids=["format", "check"])
def test_formatter_and_linter_have_nothing_to_do(written: Path, command: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", "."],
        cwd=written,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_strict_type_check_passes(written: Path) -> None:
    run = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports"),
            *("--python-version=3.10", "--no-site-packages", "--cache-dir", os.devnull),
            *sorted(path.name for path in written.glob("*.py")),
        ],
        cwd=written,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_lines_fit_into_any_project(written: Path) -> None:
    for name in SHAPES:
        if not name.startswith("hostile"):
            lines = (written / f"{name}.py").read_text("utf-8").splitlines()
            assert [line for line in lines if len(line) > 88] == []


@pytest.mark.parametrize("text", HOSTILE)
def test_literal_reads_back(text: str) -> None:
    assert eval(literal(text)) == text


def test_hostile_text_arrives_as_data(load: Callable[..., ModuleType], tmp_path: Path) -> None:
    jobs = {HOSTILE[0]: JobSettings(HOSTILE)}
    module = load(*SHAPES["hostile"][0], stage=HOSTILE[1], jobs=jobs)
    assert list(module.JOBS) == list(HOSTILE)
    assert (module.STAGE, module.JOBS[HOSTILE[0]].args) == (HOSTILE[1], list(HOSTILE))
    for name, job in module.JOBS.items():
        assert (job.entrypoint, job.compute_pool) == (name, name)
        assert job.root == tmp_path / name / name
        assert job.pip_requirements == [name]
        assert job.outputs == [module.Output(name, [name, name])]


def test_settings_and_reasons_stand_in_the_job() -> None:
    text = render_submission([FULL], SETTINGS, ".")
    for expected in (
        'CONNECTION: str | None = "dev"\n',
        'STAGE: str | None = "payloads"\n',
        '# train.py:34: model.to("cuda")\n        compute_pool="SYSTEM_COMPUTE_POOL_GPU",\n',
        "# train.py:3 imports cv2, which the runtime image does not have\n",
        "# pip_install (for pip_requirements) by PYPI_ACCESS\n",
        "# huggingface (train.py:9) by HF_ACCESS\n",
        "# no integration is set yet for wandb (train.py:11)\n",
        'external_access_integrations=["PYPI_ACCESS", "HF_ACCESS"],\n',
        "# nodes: found in the script\n        target_instances=2,\n",
        "min_instances=1,\n",
        "returns_value=True,\n",
    ):
        assert expected in text
    assert "# nodes: the setting target_instances\n        target_instances=4," in (
        render_submission([FULL], Settings(target_instances=4), ".")
    )


def test_comments_end_with_a_word_and_count_what_they_leave_out() -> None:
    imports = [Evidence("train.py", n, f"package/module_{n}.py") for n in range(1, 9)]
    imports.insert(0, Evidence("train.py", 1, "package/__init__.py"))
    reasons = tuple(Evidence("train.py", n, "word " * 30 + "x") for n in range(5))
    job = plan(
        method="submit_directory", local_imports=imports, compute=Compute(True, reasons=reasons)
    )
    text = render_submission([job], SETTINGS, ".")
    assert "# train.py:3 imports package/module_3.py\n        # and 6 more\n" in text
    assert "__init__" not in text
    assert "word ...\n" in text
    assert "wor ..." not in text
    assert "# and 2 more\n" in text


def test_notice_of_a_kept_file_says_why() -> None:
    assert "a/submit_job.py: was edited by hand" in kept_notice("edited", "a/submit_job.py")
    assert "was not written by mljob-codemod and is left alone" in kept_notice("foreign", "x")


@pytest.mark.parametrize(
    ("compute", "setting", "pool"),
    [
        (Compute(), None, "SYSTEM_COMPUTE_POOL_CPU"),
        (Compute(gpu=True), None, "SYSTEM_COMPUTE_POOL_GPU"),
        (Compute(gpu=True, compute_pool="BIG"), None, "BIG"),
        (Compute(gpu=True, compute_pool="BIG"), "MINE", "MINE"),
    ],
)
def test_compute_pool(
    load: Callable[..., ModuleType], compute: Compute, setting: str | None, pool: str
) -> None:
    module = load(plan(compute=compute), compute_pool=setting)
    assert module.JOBS["train.py"].compute_pool == pool


def test_each_job_of_a_shared_file_has_its_own_settings(load: Callable[..., ModuleType]) -> None:
    plans = [plan("a.py", compute=Compute(True)), plan("b.py"), plan("c.py")]
    module = load(
        *plans,
        query_warehouse="WH",
        compute_pool="SHARED",
        target_instances=4,
        min_instances=2,
        jobs={
            "a.py": JobSettings(compute_pool="GPU_POOL", query_warehouse="BIG", min_instances=3),
            "b.py": JobSettings(target_instances=1),
        },
    )
    chosen = {
        name: (job.compute_pool, job.query_warehouse, job.target_instances, job.min_instances)
        for name, job in module.JOBS.items()
    }
    assert chosen == {
        "a.py": ("GPU_POOL", "BIG", 4, 3),
        "b.py": ("SHARED", "WH", 1, None),
        "c.py": ("SHARED", "WH", 4, 2),
    }


@pytest.mark.parametrize(
    ("root", "folder", "expression"),
    [
        (".", ".", "HERE"),
        ("a", "a", "HERE"),
        (".", "a/b", "HERE.parent.parent"),
        ("a/src", "a", 'HERE / "src"'),
        ("..", "a", "HERE.parent.parent"),
        ("../other", ".", 'HERE.parent / "other"'),
    ],
)
def test_root_is_found_from_the_file(root: str, folder: str, expression: str) -> None:
    text = render_submission([plan(f"{folder}/t.py", root=root)], Settings(), folder)
    assert f"        root={expression},\n" in text


def test_state_follows_the_digest() -> None:
    text = render_submission([plan()], SETTINGS, ".")
    assert text == render_submission([plan()], SETTINGS, ".")
    assert submission_state(text) == "generated"
    assert submission_state(text.replace("\n", "\r\n")) == "generated"
    assert submission_state(text.replace('"dev"', '"prod"')) == "edited"
    assert submission_state(text + "\n") == "edited"
    assert submission_state("print('mine')\n") == "foreign"
    assert is_generated(text)
    assert is_generated(text.replace('"dev"', '"prod"'))
    assert not is_generated(text.partition("\n")[2])


def test_help_needs_no_client(written: Path, tmp_path: Path) -> None:
    (tmp_path / "snowflake").mkdir()
    (tmp_path / "snowflake" / "__init__.py").write_text("raise ImportError('imported')")
    run = subprocess.run(
        [sys.executable, written / "several_mixed.py", "--help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert "SCRIPT" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ([], []),
        (["--epochs", "3", "in.csv", "-v", "-1"], ["--epochs", "3", "in.csv", "-v", "-1"]),
        (["in.csv", "--wait", "--epochs=3"], ["in.csv", "--epochs=3"]),
        (["--sta", "x", "--", "--wait", "--", "y"], ["--sta", "x", "--wait", "--", "y"]),
    ],
)
def test_what_is_not_an_own_option_goes_to_the_script(
    load: Callable[..., ModuleType], arguments: list[str], passed: list[str]
) -> None:
    assert load(plan()).parse_arguments(arguments)[2] == passed


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ([], ["--out", f"{RESULTS}/out"]),
        (["--epochs", "3"], ["--epochs", "3", "--out", f"{RESULTS}/out"]),
        (["--out", "/mnt/x"], ["--out", "/mnt/x"]),
        (["--out=/mnt/x"], ["--out=/mnt/x"]),
        (["--outer"], ["--outer", "--out", f"{RESULTS}/out"]),
        (["a", "--", "--out"], ["a", "--out", f"{RESULTS}/out", "--", "--out"]),
    ],
)
def test_output_option_is_passed_unless_given(
    load: Callable[..., ModuleType], given: list[str], arguments: list[str]
) -> None:
    module = load(plan(output_arguments=[output("--out", "--out", f"{RESULTS}/out")]))
    assert module.add_outputs(module.JOBS["train.py"], given) == arguments


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        (["in.csv"], ["in.csv", f"{RESULTS}/dest"]),
        (["in.csv", "-v"], ["in.csv", f"{RESULTS}/dest", "-v"]),
        (["in.csv", "/mnt/x", "-v"], ["in.csv", "/mnt/x", "-v"]),
        (["-v", "in.csv"], ["-v", "in.csv", f"{RESULTS}/dest"]),
    ],
)
def test_output_positional_is_passed_unless_given(
    load: Callable[..., ModuleType], given: list[str], arguments: list[str]
) -> None:
    module = load(plan(output_arguments=[output("dest", f"{RESULTS}/dest", position=1)]))
    assert module.add_outputs(module.JOBS["train.py"], given) == arguments


@pytest.mark.parametrize(
    ("defaults", "given", "arguments"),
    [
        (["--e", "3"], ["/mine"], ["--e", "3", "/mine"]),
        (["--e", "3"], [], [f"{RESULTS}/dest", "--e", "3"]),
        (["--e", "3"], ["--x"], [f"{RESULTS}/dest", "--e", "3", "--x"]),
        (["/mnt/x"], ["--x"], ["/mnt/x", "--x"]),
    ],
)
def test_default_arguments_come_first_and_count(
    load: Callable[..., ModuleType], defaults: list[str], given: list[str], arguments: list[str]
) -> None:
    outputs = [output("dest", f"{RESULTS}/dest", position=0)]
    module = load(plan(output_arguments=outputs), jobs={"train.py": JobSettings(tuple(defaults))})
    assert module.add_outputs(module.JOBS["train.py"], given) == arguments


@pytest.mark.parametrize(
    ("given", "warned"),
    [
        (["--out", "runs/1"], "--out 'runs/1'"),
        (["--out=runs/1"], "--out 'runs/1'"),
        (["-oruns/1"], "-o 'runs/1'"),
        (["../1"], None),
        (["/mnt/dest", "--out", "/mnt/x"], None),
        (["/mnt/dest", f"--out={RESULTS}/x"], None),
        (["s3://bucket/x", "--out", "@stage/x"], None),
        ([], None),
    ],
)
def test_relative_output_is_warned_of(
    load: Callable[..., ModuleType],
    capsys: pytest.CaptureFixture[str],
    given: list[str],
    warned: str | None,
) -> None:
    outputs = [output("--out"), output("-o"), output("dest", f"{RESULTS}/dest", position=0)]
    module = load(plan(output_arguments=outputs))
    module.add_outputs(module.JOBS["train.py"], given)
    errors = capsys.readouterr().err
    assert errors.startswith(f"warning: {warned} is in") if warned else errors == ""


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        (["runs", "runs/1", "--out", "x/2"], ["runs", f"{RESULTS}/1", "--out", f"{RESULTS}/2"]),
        (["r/1", "r/1", "--out=x/2", "-v"], ["r/1", f"{RESULTS}/1", f"--out={RESULTS}/2", "-v"]),
        (
            ["a", "b", "--in", "x", "--out", "x"],
            ["a", f"{RESULTS}/b", "--in", "x", "--out", f"{RESULTS}/x"],
        ),
    ],
)
def test_relative_output_is_kept_where_the_script_looks_for_the_result_path(
    load: Callable[..., ModuleType], given: list[str], arguments: list[str]
) -> None:
    outputs = [output("--out", f"{RESULTS}/out"), output("dest", f"{RESULTS}/dest", position=1)]
    module = load(plan(output_arguments=outputs))
    assert module.add_outputs(module.JOBS["train.py"], given) == arguments


@pytest.mark.parametrize("other", [True, False])
def test_a_relative_output_that_the_job_entry_keeps_is_no_matter(
    load: Callable[..., ModuleType], capsys: pytest.CaptureFixture[str], other: bool
) -> None:
    kept = plan(output_arguments=[output("--out")], net=Net(True))
    module = load(kept, plan("evaluate.py", output_arguments=[output("--out")], net=Net(other)))
    module.add_outputs(module.JOBS["train.py"], ["--out", "runs/1"])
    assert capsys.readouterr().err == ""
    module.add_outputs(module.JOBS["evaluate.py"], ["--out", "runs/1"])
    assert ("lost with it" in capsys.readouterr().err) is not other


def test_what_the_job_entry_kept_is_listed_apart(load: Callable[..., ModuleType]) -> None:
    module = load(plan(net=Net(True, (Evidence("train.py", 7, "writes runs/"),))))
    result = "@db.sc.s/train_1/output"
    sizes = {"model.pkl": 9, "runs/log": 1200, "mljob_result": 5, "mljob_extra_kept": 30}
    rows = [{"name": f"s/train_1/output/{name}", "size": size} for name, size in sizes.items()]
    streams = {f"{result}/mljob_extra_kept": b'["runs/log", "runs/log"]\n'}
    session = SimpleNamespace(
        sql=lambda _: SimpleNamespace(collect=lambda: rows),
        file=SimpleNamespace(get_stream=lambda path: io.BytesIO(streams[path])),
    )
    shown = module.list_artifacts(session, SimpleNamespace(_result_stage_path=f"{result}/"))
    assert shown.splitlines() == [
        result,
        "  s/train_1/output/model.pkl  9 bytes",
        "  kept by job_entry.py:",
        "  s/train_1/output/runs/log  1,200 bytes",
    ]
    (job,) = module.JOBS.values()
    assert job.net_for == ["train.py:7: writes runs/"]


def launcher_passes(arguments: list[str]) -> list[str] | None:
    """What the launcher of snowflake-ml-python gives the script, None if it takes some itself."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("entrypoint")
    parser.add_argument("--script_main_func")
    parser.add_argument("--function_args")
    try:
        own, rest = parser.parse_known_args(["train.py", *arguments])
    except (argparse.ArgumentError, SystemExit):
        return None
    return None if own.script_main_func or own.function_args else rest


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--epochs", "3", "in.csv", "-v", "out"],
        ["-f", "-s", "1", "--seed", "2", "--fold", "3"],
        ["--f", "1"],
        ["--s=1"],
        ["--script", "x", "pos"],
        ["--function_args", "x"],
        ["-h"],
        ["in.csv", "--help"],
        ["--he"],
        ["-hidden"],
        ["--", "x"],
        ["--epochs", "3", "--", "--x"],
        ["-"],
        [""],
    ],
)
def test_launcher_takes_no_argument_of_the_script(
    load: Callable[..., ModuleType], arguments: list[str]
) -> None:
    protected = load(plan()).protect(arguments)
    assert launcher_passes(protected) == arguments
    if launcher_passes(arguments) == arguments and "--" not in arguments:
        assert protected == arguments, "protected without need"


@pytest.fixture
def main(load: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def run(*arguments: str, version: str | None = "1.26.0", **settings: Any) -> None:
        module = load(plan("a.py"), plan("b.py"), **settings)

        def installed(name: str) -> str:
            if version is None:
                raise module.PackageNotFoundError(name)
            return version

        monkeypatch.setattr(module, "version", installed)
        monkeypatch.setattr(sys, "argv", ["submit_job.py", *arguments])
        module.main()

    return run  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        (["--stage", "x"], True),
        (["--stage=x", "in.csv"], True),
        (["--stage", "x", "--"], False),
        (["--", "--stage", "x"], False),
        (["--stages", "x"], False),
        (["--wait"], False),
    ],
)
def test_option_of_both_needs_the_dashes(
    load: Callable[..., ModuleType], arguments: list[str], refused: bool
) -> None:
    module = load(plan(script_options=["--stage", "--seed"]))
    (job,) = module.JOBS.values()
    if refused:
        with pytest.raises(
            module.Stop, match=r"--stage is an option of submit_job\.py and of train"
        ):
            module.check_options(job, arguments)
    else:
        module.check_options(job, arguments)


def test_option_of_both_stops_the_submission(
    load: Callable[..., ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = load(plan(script_options=["--wait"]), stage="s")
    monkeypatch.setattr(sys, "argv", ["submit_job.py", "--wait"])
    with pytest.raises(SystemExit, match="2"):
        module.main()
    assert "--wait is an option of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (["a.py"], {}, "no stage: set `stage` in [tool.mljob-codemod]"),
        ([], {"stage": "s"}, "SCRIPT must be one of: a.py, b.py"),
        (["c.py"], {"stage": "s"}, "SCRIPT must be one of: a.py, b.py"),
        (["a.py"], {"stage": "s", "version": None}, 'pip install "snowflake-ml-python>=1.26"'),
        (["a.py", "--stage", "s"], {"version": "1.9.2"}, "1.9.2 is installed, 1.26 or newer"),
    ],
)
def test_what_is_missing_is_said(
    main: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    options: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 11, 0, "final", 0))
    with pytest.raises(SystemExit) as stopped:
        main(*arguments, **options)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_python_without_runtime_image_is_refused(
    main: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 13, 0, "final", 0))
    with pytest.raises(SystemExit) as stopped:
        main("a.py", stage="s")
    assert stopped.value.code == 2
    assert "Python 3.10, 3.11 or 3.12" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a[1]/x.csv", "a*/x.csv", "plain?", "x.v[2]"])
def test_names_that_break_the_upload_stop_it(
    load: Callable[..., ModuleType], tmp_path: Path, name: str
) -> None:
    module = load(plan(root="src", method="submit_directory"))
    file = tmp_path / "src" / name
    file.parent.mkdir(parents=True)
    file.write_text("x")
    with pytest.raises(module.Stop, match="cannot upload"):
        module.copy_payload(module.JOBS["train.py"], tmp_path / "copy")


def test_harmless_names_are_sent(load: Callable[..., ModuleType], tmp_path: Path) -> None:
    module = load(plan(root="src", method="submit_directory"))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "image[1].png").write_text("x")
    (tmp_path / "src" / "gone").symlink_to("nowhere")
    module.copy_payload(module.JOBS["train.py"], tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["image[1].png"]
