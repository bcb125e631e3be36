"""Settings files: where they are found, what they may say, and how errors point at the place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mljob_codemod.config import JobSettings, Settings, common_folder, key_lines, load_settings
from mljob_codemod.errors import ConfigError

FULL = """\
[project]
name = "trainer"

[tool.mljob-codemod]
connection = "dev"
database = "ML"
schema = "JOBS"
stage = "PAYLOADS"
compute_pool = "GPU_POOL"
query_warehouse = "WH"
integrations = { huggingface = "HF_ACCESS", wandb = "WANDB_ACCESS" }
target_instances = 2
min_instances = 1
exclude = ["legacy/", "*_old.py"]
select = ["MLJ1"]
ignore = ["MLJ104"]
unsafe_fixes = true

[tool.mljob-codemod.jobs."src/train.py"]
args = ["--epochs", "3"]
return = "metrics"
root = "src"
compute_pool = "BIG"
target_instances = 4
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_setting_is_read(tmp_path: Path) -> None:
    file = write(tmp_path / "pyproject.toml", FULL)
    assert load_settings(tmp_path) == Settings(
        connection="dev",
        database="ML",
        schema="JOBS",
        stage="PAYLOADS",
        compute_pool="GPU_POOL",
        query_warehouse="WH",
        integrations={"huggingface": "HF_ACCESS", "wandb": "WANDB_ACCESS"},
        target_instances=2,
        min_instances=1,
        exclude=("legacy/", "*_old.py"),
        select=("MLJ1",),
        ignore=("MLJ104",),
        unsafe_fixes=True,
        jobs={
            "src/train.py": JobSettings(
                args=("--epochs", "3"),
                return_name="metrics",
                root="src",
                compute_pool="BIG",
                target_instances=4,
            )
        },
        file=file,
    )


def test_own_file_has_its_settings_at_the_top(tmp_path: Path) -> None:
    write(tmp_path / "mljob.toml", 'compute_pool = "P"\n[jobs."a.py"]\nroot = "."\n')
    settings = load_settings(tmp_path)
    assert settings.compute_pool == "P"
    assert settings.jobs == {"a.py": JobSettings(root=".")}


def test_nearest_file_wins_and_projects_without_the_table_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.mljob-codemod]\ndatabase = 'OUTER'\n")
    write(tmp_path / "a" / "pyproject.toml", "[project]\nname = 'a'\n")
    deep = tmp_path / "a" / "b"
    deep.mkdir()
    assert load_settings(deep).database == "OUTER"
    write(tmp_path / "a" / "mljob.toml", "database = 'INNER'\n")
    assert load_settings(deep).database == "INNER"


def test_broken_pyproject_of_another_tool_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.other\n")
    assert load_settings(tmp_path) == Settings()


def test_both_files_in_one_folder_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.mljob-codemod]\n")
    write(tmp_path / "mljob.toml", "")
    with pytest.raises(ConfigError, match="keep one of the two"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("compute_pol = 'P'", 1, "unknown setting 'compute_pol'; did you mean 'compute_pool'?"),
        ("\ncompute-pool = 'P'", 2, "did you mean 'compute_pool'?"),
        ("zzz = 1", 1, "valid are connection, database, schema"),
        ("schema = 3", 1, "'schema' must be a string, not a number"),
        ("# x\nstage = ''", 2, "'stage' must not be empty"),
        ("target_instances = true", 1, "'target_instances' must be a whole number, not a boolean"),
        ("env_vars = { A = 1 }", 1, "'A' must be a string, not a number"),
        ("[env_vars]\n'A=B' = 'c'", 2, "'A=B' cannot be an environment variable"),
        ("target_instances = 0", 1, "'target_instances' must be 1 or more, not 0"),
        ("target_instances = 2\nmin_instances = 3", 2, "must not be above 2"),
        ("exclude = 'x'", 1, "'exclude' must be a list of strings, not a string"),
        ("exclude = [\n'x',\n3]", 1, "must be a list of strings, not one that holds a number"),
        ("unsafe_fixes = 'yes'", 1, "'unsafe_fixes' must be true or false, not a string"),
        ("integrations = 'x'", 1, "'integrations' must be a table, not a string"),
        ("[integrations]\na = 'b'\nc = 1", 3, "'c' must be a string, not a number"),
        ("jobs.'t.py'.arg = []", 1, "unknown setting 'arg'; did you mean 'args'?"),
        ("[jobs.'t.py']\n\nreturn = 'a b'", 3, "'return' must be the name of a variable"),
        ("target_instances = 2\n[jobs.'t.py']\nmin_instances = 3", 3, "must not be above 2"),
        ("schema = 2020-01-01", 1, "not a date or time"),
        ("a = \nb = 1", 1, "is not valid TOML"),
    ],
)
def test_errors_name_file_line_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "mljob.toml", text)
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path)
    assert str(caught.value).startswith(f"mljob.toml:{line}: ")
    assert message in str(caught.value)


def test_line_of_a_key_is_right_behind_text_that_looks_like_keys(tmp_path: Path) -> None:
    text = '''\
[project]
description = """
[tool.mljob-codemod]
stage = 1
"""
# stage = 1
other = ["stage = 1", { stage = 1 }] # [tool]
[tool.mljob-codemod]
connection = 'c'
"stage" = 1
'''
    write(tmp_path / "pyproject.toml", text)
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path)
    assert caught.value.line == 10


def test_key_lines_follow_dotted_keys_headers_and_inline_tables() -> None:
    text = 'a.b."c d" = 1\n[x]\ny = { z = [\n1, {q = 2}], w = 3 }\n[[x.list]]\nk = 1979-05-27\n'
    assert key_lines(text) == {
        ("a",): 1,
        ("a", "b"): 1,
        ("a", "b", "c d"): 1,
        ("x",): 2,
        ("x", "y"): 3,
        ("x", "y", "z"): 3,
        ("x", "y", "z", "q"): 4,
        ("x", "y", "w"): 4,
        ("x", "list"): 5,
        ("x", "list", "k"): 6,
    }


def test_settings_that_are_not_utf8_are_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "mljob.toml").write_bytes(b"stage = '\xff'\n")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_settings(tmp_path)


def test_job_settings_are_found_by_path_and_the_command_line_wins(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", FULL)
    settings = load_settings(tmp_path)
    assert settings.job(tmp_path / "src" / "train.py").return_name == "metrics"
    general = JobSettings(
        compute_pool="GPU_POOL", query_warehouse="WH", target_instances=2, min_instances=1
    )
    assert settings.job(tmp_path / "train.py") == general
    overridden = replace(settings, return_name="model")
    assert overridden.job(tmp_path / "src" / "train.py").return_name == "model"
    assert overridden.job(tmp_path / "src" / "train.py").root == "src"


def test_ignore_wins_over_select() -> None:
    settings = Settings(select=("MLJ1", "hdf5-result"), ignore=("mlj104",))
    assert settings.is_selected("MLJ101", "lost-return-value")
    assert settings.is_selected("MLJ209", "hdf5-result")
    assert not settings.is_selected("MLJ201", "output-option")
    assert not settings.is_selected("MLJ104", "other")


def test_common_folder_of_files_and_folders(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b" / "x.py", "")
    write(tmp_path / "a" / "y.py", "")
    assert common_folder([tmp_path / "a" / "b", tmp_path / "a" / "y.py"]) == tmp_path / "a"
    assert common_folder([tmp_path / "a" / "b" / "x.py"]) == tmp_path / "a" / "b"
    assert common_folder([]) == Path.cwd()
