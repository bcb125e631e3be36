"""Which files a run looks at."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from mljob_codemod.config import Settings
from mljob_codemod.discovery import discover
from mljob_codemod.plan import JobPlan
from mljob_codemod.submission import render_submission


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own as the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def touch(*paths: str, text: str = "") -> None:
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(*paths: str, settings: Settings | None = None) -> list[str]:
    result = discover([Path(path) for path in paths or (".",)], settings or Settings())
    assert result.errors == ()
    return [file.shown for file in result.files]


def messages(paths: Iterable[str]) -> list[str]:
    return [str(error) for error in discover([Path(path) for path in paths], Settings()).errors]


def test_folders_give_their_scripts_in_sorted_order() -> None:
    touch("b.py", "a.py", "pkg/z.py", "pkg/__init__.py", "notes.txt", "data.pyc")
    assert found() == ["a.py", "b.py", "pkg/__init__.py", "pkg/z.py"]


@pytest.mark.parametrize(
    "path",
    [
        ".git/hook.py",
        ".venv/x.py",
        "__pycache__/x.py",
        "node_modules/x.py",
        "build/x.py",
        "dist/x.py",
        "lib/site-packages/x.py",
        "a.egg-info/x.py",
        "tests/x.py",
        "pkg/test/x.py",
        "test_x.py",
        "x_test.py",
        "conftest.py",
        "setup.py",
        "docs/conf.py",
    ],
)
def test_what_is_never_a_script_is_left_out_of_walks_but_not_when_named(path: str) -> None:
    touch(path)
    assert found() == []
    assert found(path) == [path]
    assert found(path, settings=Settings(force_exclude=True)) == []


def test_environments_are_known_by_their_marks() -> None:
    touch("env/pyvenv.cfg", "env/x.py", "conda/conda-meta/h", "conda/x.py", "environment/x.py")
    assert found() == ["environment/x.py"]


def test_a_skipped_folder_is_walked_when_named() -> None:
    touch("tests/x.py", "tests/.hidden/y.py")
    assert found("tests") == ["tests/x.py"]


def test_generated_submissions_are_left_out_and_other_files_of_that_name_are_not() -> None:
    plan = JobPlan(script="train.py", root=".", entrypoint="train.py")
    touch("submit_job.py", text=render_submission([plan], Settings(), "."))
    touch("sub/submit_job.py", text="print('mine')\n")
    assert found() == ["sub/submit_job.py"]


def test_walks_agree_with_git_on_ignored_files(tree: Path) -> None:
    touch(
        *("a.py", "gen/x.py", "gen/keep.py", "deep/a.py", "deep/out/x.py", "deep/er/x.py"),
        *("deep/er/keep.py", "local.py", "deep/anchored.py", "anchored.py", "weird name.py"),
    )
    touch(".gitignore", text="/gen/*\n!/gen/keep.py\n/anchored.py\n# c\n\nout/\n")
    touch("deep/.gitignore", text="er/*\n!keep.py\n")
    subprocess.run(["git", "init", "-q"], check=True)
    touch(".git/info/exclude", text="local.py\n")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard", "*.py"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    assert found() == sorted(filter(None, listed))
    assert "gen/keep.py" in found()
    # The .gitignore files above the named folder count as well.
    assert found("deep") == ["deep/a.py", "deep/anchored.py", "deep/er/keep.py"]


def test_gitignore_counts_up_to_the_repository_and_no_further(tree: Path) -> None:
    touch("../.gitignore", text="*.py\n")
    touch("repo/.git/HEAD", "repo/a.py", "repo/src/b.py")
    touch("repo/.gitignore", text="b.py\n")
    assert found("repo") == ["repo/a.py"]
    assert found("repo/src") == []


def test_an_ignored_folder_is_walked_when_named() -> None:
    touch(".git/HEAD", "out/a.py", "out/b.py")
    touch(".gitignore", text="out/\n")
    touch("out/.gitignore", text="b.py\n")
    assert found() == []
    assert found("out") == ["out/a.py"]


def test_settings_exclude_from_their_folder_and_the_command_line_from_here(tree: Path) -> None:
    touch("pkg/a.py", "pkg/b.py", "pkg/sub/a.py", "a.py")
    from_file = Settings(exclude=("/a.py", "sub/"), file=tree / "pkg" / "mljob.toml")
    assert found(settings=from_file) == ["a.py", "pkg/b.py"]
    assert found(settings=Settings(exclude_here=("/a.py",))) == [
        "pkg/a.py",
        "pkg/b.py",
        "pkg/sub/a.py",
    ]


def test_named_files_stay_unless_exclusion_is_forced() -> None:
    touch("old/a.py")
    assert found("old/a.py", settings=Settings(exclude_here=("old/",))) == ["old/a.py"]
    forced = Settings(exclude_here=("old/",), force_exclude=True)
    assert found("old/a.py", settings=forced) == []


def test_a_file_counts_once_whatever_its_spelling_and_given_wins() -> None:
    touch("pkg/a.py")
    Path("link.py").symlink_to("pkg/a.py")
    result = discover([Path(path) for path in (".", "pkg/../pkg/a.py", "link.py")], Settings())
    assert [(file.shown, file.given) for file in result.files] == [("pkg/a.py", True)]
    assert found() == ["pkg/a.py"]


def test_links_out_of_the_tree_are_passed_over_and_reported_only_when_named(tree: Path) -> None:
    touch("../outside/secret.py", "a.py")
    Path("link.py").symlink_to("../outside/secret.py")
    Path("folder").symlink_to("../outside")
    assert found() == ["a.py"]
    real = os.path.realpath("../outside/secret.py")
    assert messages(["link.py"]) == [
        f"link.py: links out of this tree and is not followed; name {real} itself"
    ]
    assert len(messages(["folder"])) == 1


def test_endless_links_are_no_trap() -> None:
    touch("pkg/a.py")
    Path("pkg/again").symlink_to(".")
    Path("pkg/self.py").symlink_to("self.py")
    assert found() == ["pkg/a.py"]


def test_paths_that_lead_nowhere_are_errors_and_the_rest_goes_on() -> None:
    touch("a.py", "nb.ipynb")
    Path("gone.py").symlink_to("nothing.py")
    os.mkfifo("pipe.py")
    paths = ("no.py", "a.py", "gone.py", "pipe.py", "nb.ipynb")
    result = discover([Path(path) for path in paths], Settings())
    assert [str(error) for error in result.errors] == [
        "no.py: does not exist",
        "gone.py: links to nothing",
        "pipe.py: is neither a file nor a folder",
        "nb.ipynb: is a notebook; export it as a Python script and name that",
    ]
    assert [file.shown for file in result.files] == ["a.py"]


def test_paths_outside_the_working_directory_are_shown_from_it(tree: Path) -> None:
    touch("../other/a.py")
    assert found("../other") == ["../other/a.py"]
