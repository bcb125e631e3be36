"""Which requirement files speak for a script: those of the nearest folder that has any."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mljob_codemod.discovery import shown_path
from mljob_codemod.errors import InputError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.requirements.declared import Declared, RequirementFile

if TYPE_CHECKING:
    from mljob_codemod.requirements.locks import Environment

REQUIREMENTS = "requirements.txt"
_OTHER_FILES = ("pyproject.toml", "setup.cfg", "Pipfile", "environment.yml", "environment.yaml")
"""The files beside requirements.txt, those that say most first."""


@dataclass(frozen=True)
class Declarations:
    """What one folder, or a script's own block, declares."""

    files: tuple[RequirementFile, ...] = ()
    locked: Mapping[str, tuple[str, Path]] = field(default_factory=dict)
    """Versions that lock files settle, with the file."""
    folder: Path | None = None
    errors: tuple[InputError, ...] = ()

    def of(self, distribution: str) -> Declared | None:
        """The requirement of a distribution by its normalized name; main ones come first."""
        return self._by_name.get(distribution)

    @cached_property
    def _by_name(self) -> Mapping[str, Declared]:
        every = [each for file in self.files for each in file.requirements]
        by_name: dict[str, Declared] = {}
        for each in sorted(every, key=lambda each: not each.main):
            if each.name is not None:
                by_name.setdefault(each.name, each)
        return by_name

    @property
    def names(self) -> frozenset[str]:
        """The normalized names of all distributions that are declared."""
        return frozenset(self._by_name)


class DeclarationSearch:
    """Reads the requirement files and environments of a run, each once."""

    def __init__(self) -> None:
        self._folders: dict[Path, Declarations | None] = {}
        self._files: dict[Path, RequirementFile | InputError | None] = {}
        self._environments: dict[Path, Environment] = {}

    def of_script(self, script: Path, text: str) -> Declarations:
        """A script's own block; else the nearest folder above it that declares something.

        The search ends at the working directory or a repository's top, and does not leave the
        script's folder where neither is above it.
        """
        if "# /// script" in text:
            from mljob_codemod.requirements.project_files import read_script_block

            try:
                block = read_script_block(text, script)
            except InputError as error:
                return Declarations(errors=(error,))
            if block is not None:
                return Declarations((block,))
        folders = []
        here = Path.cwd()
        for folder in script.parents:
            folders.append(folder)
            if folder == here or (folder / ".git").exists():
                break
        else:
            folders = folders[:1]
        for folder in folders:
            found = self._folder(folder)
            if found is not None:
                return found
        return Declarations()

    def requirements_in(self, folder: Path) -> RequirementFile | None:
        """The ``requirements.txt`` in ``folder``, None where there is none that can be read."""
        found = self._file(folder / REQUIREMENTS)
        return None if isinstance(found, InputError) else found

    def environment(self, folders: Iterable[Path]) -> Environment | None:
        """The environment that work on a project in ``folders`` uses; each is looked into once."""
        from mljob_codemod.requirements.locks import find_environment  # few jobs need it

        found = find_environment(folders, os.environ)
        return None if found is None else self._environments.setdefault(found.prefix, found)

    def _file(self, path: Path) -> RequirementFile | InputError | None:
        if path not in self._files:
            try:
                self._files[path] = read_file(path) if path.is_file() else None
            except InputError as error:
                self._files[path] = error
        return self._files[path]

    def _folder(self, folder: Path) -> Declarations | None:
        if folder not in self._folders:
            self._folders[folder] = self._read_folder(folder)
        return self._folders[folder]

    def _read_folder(self, folder: Path) -> Declarations | None:
        paths = [folder / name for name in (REQUIREMENTS, *_OTHER_FILES)]
        if not any(path.is_file() for path in paths):
            return None
        # Its readers are imported where there is something to read.
        from mljob_codemod.requirements.locks import LOCK_FILES, read_lock

        found = [self._file(path) for path in paths]
        files = tuple(each for each in found if isinstance(each, RequirementFile))
        errors = [each for each in found if isinstance(each, InputError)]
        locked: dict[str, tuple[str, Path]] = {}
        for path in [folder / name for name in LOCK_FILES]:
            try:
                for distribution, version in read_lock(path).items() if path.is_file() else ():
                    locked.setdefault(distribution, (version, path))
            except InputError as error:
                errors.append(error)
        if not (files or errors or locked):
            return None
        return Declarations(files, locked, folder, tuple(errors))


def read_file(path: Path) -> RequirementFile | None:
    """What one file declares, None where it says nothing of requirements.

    Raises ``InputError`` when it cannot be read or does not parse.
    """
    from mljob_codemod.requirements import pip_files, project_files

    readers: Mapping[str, Callable[[str, Path], RequirementFile | None]] = {
        "pyproject.toml": project_files.read_pyproject,
        "setup.cfg": project_files.read_setup_cfg,
        "Pipfile": project_files.read_pipfile,
        "environment.yml": project_files.read_conda,
        "environment.yaml": project_files.read_conda,
    }
    try:
        if path.name == REQUIREMENTS:
            return pip_files.read_requirements(path)
        return readers[path.name](path.read_text(encoding="utf-8", errors="replace"), path)
    except OSError as error:
        raise InputError(shown_path(path), f"cannot be read: {error.strerror}") from None
