"""The hooks, run by the real pre-commit on a real repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGED = ("pyproject.toml", "README.md", ".pre-commit-hooks.yaml", "mljob_codemod")
SCRIPT = """\
import json


def main():
    with open("metrics.json", "w") as file:
        json.dump({"loss": 0.1}, file)
    return {"loss": 0.1}


if __name__ == "__main__":
    main()
"""

Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with this work tree's package, for pre-commit to clone."""
    folder = tmp_path_factory.mktemp("hooks")
    for name in PACKAGED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
            )
        else:
            shutil.copy(source, folder / name)
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps the environment it installs, shared by the tests here."""
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture
def repository(tmp_path: Path, hooks: Path, cache: Path) -> tuple[Path, Shell]:
    """A repository with one script, and a way to run commands in it."""
    revision = git(hooks, "rev-parse", "HEAD").stdout.strip()
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "test_train.py").write_text(SCRIPT)
    (tmp_path / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {hooks.as_posix()}\n  rev: {revision}\n"
        "  hooks:\n  - id: mljob-codemod-apply\n  - id: mljob-codemod-check\n"
    )
    commit(tmp_path)

    def pre_commit(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pre_commit", "run", *arguments],
            cwd=tmp_path,
            env={**environment(), "PRE_COMMIT_HOME": str(cache)},
            capture_output=True,
            text=True,
        )

    return tmp_path, pre_commit


def environment() -> dict[str, str]:
    """This process's environment without what git sets for hooks, with an identity to commit with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {"NAME": "A", "EMAIL": "a@example.org"}
    return kept | {
        f"GIT_{role}_{what}": who[what] for role in ("AUTHOR", "COMMITTER") for what in who
    }


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )


def commit(folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", "content")


@pytest.mark.slow
def test_first_run_rewrites_and_fails_second_passes(repository: tuple[Path, Shell]) -> None:
    folder, pre_commit = repository
    checked = pre_commit("mljob-codemod-check", "--all-files")
    assert checked.returncode == 1
    assert "train.py:11:5 MLJ1" in checked.stdout, checked.stdout + checked.stderr

    first = pre_commit("mljob-codemod-apply", "--all-files")
    assert first.returncode == 1
    assert "files were modified by this hook" in first.stdout, first.stdout + first.stderr
    assert "__return__ = main()" in (folder / "train.py").read_text()
    assert (folder / "submit_job.py").is_file()
    assert (folder / "test_train.py").read_text() == SCRIPT

    git(folder, "add", "--all")
    second = pre_commit("--all-files")
    assert second.returncode == 0, second.stdout + second.stderr
    assert second.stdout.count("Passed") == 2
