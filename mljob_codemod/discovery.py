"""Which Python files a run looks at: PATHS of the command line to files, in a fixed order.

Files that are named are taken as they are. Folders are walked: what git ignores, what the settings
exclude, and what is never a script (tests, environments, build results) is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from mljob_codemod.config import Settings
from mljob_codemod.errors import InputError
from mljob_codemod.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

SKIPPED_FOLDERS = frozenset(
    {"__pycache__", "build", "dist", "node_modules", "site-packages", "test", "tests"}
)
ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
"""What the top folder of a virtual or conda environment holds."""


@dataclass(frozen=True)
class SourceFile:
    """A file to look at. ``given`` is whether it was named itself, not found in a folder."""

    path: Path
    """Absolute, links in it not resolved."""
    shown: str
    """Relative to the working directory, with ``/``: the path that findings carry."""
    given: bool


@dataclass(frozen=True)
class Discovery:
    """The files, sorted by ``shown``, and the paths that led to none."""

    files: tuple[SourceFile, ...]
    errors: tuple[InputError, ...]


def shown_path(path: Path) -> str:
    """``path`` relative to the working directory, with ``/`` between its parts."""
    return Path(os.path.relpath(path)).as_posix()


def link_leaves_tree(path: Path) -> bool:
    """Whether ``path`` is a symbolic link to something outside the tree it lies in.

    The tree is the working directory, or the link's own folder where that lies elsewhere.
    """
    if not path.is_symlink():
        return False
    parent = Path(os.path.realpath(path.parent))
    here = Path(os.path.realpath(Path.cwd()))
    tree = here if parent.is_relative_to(here) else parent
    return not Path(os.path.realpath(path)).is_relative_to(tree)


def discover(paths: Sequence[Path], settings: Settings) -> Discovery:
    """The Python files that ``paths`` stand for, each once, whatever its spelling or links to it."""
    files: dict[str, SourceFile] = {}
    errors = []
    ignores = _Ignores(settings)
    # Named files go first, so that a file both named and found in a folder counts as named.
    for path in sorted(paths, key=os.path.isdir):
        path = Path(os.path.abspath(path))
        try:
            _refuse(path)
        except InputError as error:
            errors.append(error)
            continue
        except OSError as error:
            errors.append(InputError(shown_path(path), f"cannot be read: {error.strerror}"))
            continue
        given = not path.is_dir()
        for found in [path] if given else _walk(path, ignores, errors):
            if given and settings.force_exclude and ignores.skips_named(found):
                continue
            real = os.path.realpath(found)
            known = files.get(real)
            # Of a file and the links to it, the file's own path is the better name.
            if known is None or (known.path.is_symlink() and not known.given):
                files[real] = SourceFile(found, shown_path(found), given)
    return Discovery(
        tuple(sorted(files.values(), key=lambda file: file.shown)),
        # A folder that two of the paths lead to is reported once.
        tuple({str(error): error for error in errors}.values()),
    )


def _refuse(path: Path) -> None:
    """Raise for a path of the command line that cannot be looked at."""
    shown = shown_path(path)
    if link_leaves_tree(path):
        target = os.path.realpath(path)
        raise InputError(shown, f"links out of this tree and is not followed; name {target} itself")
    if not path.exists():
        raise InputError(shown, "links to nothing" if path.is_symlink() else "does not exist")
    if not path.is_dir() and not path.is_file():
        raise InputError(shown, "is neither a file nor a folder")
    if path.suffix == ".ipynb" and path.is_file():
        raise InputError(shown, "is a notebook; export it as a Python script and name that")


def _walk(folder: Path, ignores: _Ignores, errors: list[InputError]) -> Iterator[Path]:
    """Python files below ``folder`` that are not left out, folder by folder in sorted order."""
    ignores.enter(folder)
    pending = [folder]
    while pending:
        current = pending.pop()
        try:
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            errors.append(InputError(shown_path(current), f"cannot be listed: {error.strerror}"))
            continue
        folders = []
        for entry in entries:
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                if not is_skipped_folder(path) and not ignores.skips(path, is_folder=True):
                    folders.append(path)
            elif (
                entry.name.endswith(".py")
                and os.path.isfile(path)
                and not is_skipped_file(path)
                and not (entry.is_symlink() and link_leaves_tree(path))
                and not ignores.skips(path, is_folder=False)
            ):
                yield path
        pending.extend(reversed(folders))


def is_skipped_folder(path: Path) -> bool:
    """Whether a folder holds no scripts of its project: hidden, an environment, tests, …"""
    return (
        path.name.startswith(".")
        or path.name in SKIPPED_FOLDERS
        or path.name.endswith(".egg-info")
        or any(os.path.exists(path / mark) for mark in ENVIRONMENT_MARKS)
    )


def is_skipped_file(path: Path) -> bool:
    """Whether a file is no script to convert: a test, setup code, or a submission made by this tool."""
    name = path.name
    return (
        name.startswith("test_")
        or name.endswith("_test.py")
        or name in ("conftest.py", "setup.py")
        or (name == "conf.py" and path.parent.name in ("doc", "docs", "source"))
        or is_generated_file(path)
    )


@dataclass
class _Ignores:
    """Answers whether git or the settings leave a path out."""

    settings: Settings
    _specs: dict[Path, GitIgnoreSpec | None] = field(default_factory=dict)
    _own: list[tuple[Path, GitIgnoreSpec]] = field(default_factory=list)
    _top: Path | None = None
    """The folder above which no .gitignore counts for the folder being walked."""

    def __post_init__(self) -> None:
        for base, patterns in (
            (self.settings.folder.absolute(), self.settings.exclude),
            (Path.cwd(), self.settings.exclude_here),
        ):
            if (spec := _compile(patterns)) is not None:
                self._own.append((base, spec))

    def enter(self, folder: Path) -> None:
        """Make ``folder`` the one being walked.

        A folder that was named although git ignores it is wanted all the same: then only the
        .gitignore files inside it count.
        """
        top = next((up for up in (folder, *folder.parents) if os.path.exists(up / ".git")), folder)
        self._top = top
        if top != folder and self._git_ignores(folder, is_folder=True):
            self._top = folder

    def skips(self, path: Path, *, is_folder: bool) -> bool:
        """Whether ``path``, met on the walk, is left out."""
        return self._settings_exclude(path, is_folder) or self._git_ignores(
            path, is_folder=is_folder
        )

    def skips_named(self, path: Path) -> bool:
        """Whether a walk from the settings' folder or the working directory would leave a file out."""
        if is_skipped_file(path) or self._settings_exclude(path, is_folder=False):
            return True
        here = Path.cwd()
        if not path.is_relative_to(here):
            return False
        above = [here.joinpath(*part.parts) for part in path.relative_to(here).parents]
        return any(is_skipped_folder(folder) for folder in above if folder != here)

    def _settings_exclude(self, path: Path, is_folder: bool) -> bool:
        return any(
            path.is_relative_to(base) and bool(_verdict(spec, base, path, is_folder))
            for base, spec in self._own
        )

    def _git_ignores(self, path: Path, *, is_folder: bool) -> bool:
        """The deepest .gitignore that has a word on ``path`` decides, as in git."""
        for base in path.parents:
            spec = self._spec(base)
            if spec is not None and (verdict := _verdict(spec, base, path, is_folder)) is not None:
                return verdict
            if base == self._top:
                break
        return False

    def _spec(self, folder: Path) -> GitIgnoreSpec | None:
        if folder not in self._specs:
            # .git/info/exclude ranks below the .gitignore beside .git, so its lines come first.
            lines = [
                line
                for file in (folder / ".git" / "info" / "exclude", folder / ".gitignore")
                for line in _lines(file)
            ]
            self._specs[folder] = _compile(lines)
        return self._specs[folder]


def _compile(lines: Sequence[str]) -> GitIgnoreSpec | None:
    if not lines:
        return None
    from pathspec import GitIgnoreSpec  # costs a tenth of a start, and single files need none

    return GitIgnoreSpec.from_lines(lines)


def _verdict(spec: GitIgnoreSpec, base: Path, path: Path, is_folder: bool) -> bool | None:
    """True: left out; False: kept by a ``!`` pattern; None: no pattern speaks of it."""
    relative = path.relative_to(base).as_posix() + ("/" if is_folder else "")
    return spec.check_file(relative).include


def _lines(file: Path) -> Iterable[str]:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ()


def is_generated_file(path: Path) -> bool:
    """Whether this tool made the file."""
    if not path.name.startswith(("submit_", "job_entry.")):
        return False
    from mljob_codemod.submission import is_generated  # only where there may be a submission

    try:
        return is_generated(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return False
