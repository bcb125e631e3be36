"""Which files are scripts, and which local modules each of them reaches.

Imports are resolved as the documented way of running a script resolves them: from its own folder, then
from the folders above it up to the project's top, then from ``src`` folders there. The payload's root
is the folder from which the launcher can resolve the same imports.
"""

from __future__ import annotations

import os.path
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from mljob_codemod.analysis.handed_paths import names_of_writers
from mljob_codemod.discovery import is_generated_file
from mljob_codemod.errors import InputError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.payload_tree import read_payload
from mljob_codemod.requirements.search import DeclarationSearch
from mljob_codemod.rules.build_tools import build_tools
from mljob_codemod.syntax.reading import FileFacts, ImportedName, read_body, read_files
from mljob_codemod.syntax.scopes import ModuleIndex

_TOP_MARKS = (".git", "pyproject.toml", "setup.py", "setup.cfg", "mljob.toml", "requirements.txt")
_STDLIB = frozenset(sys.stdlib_module_names)


@dataclass
class Reach:
    """A script and the local modules that it imports, transitively."""

    script: FileFacts
    files: dict[Path, FileFacts]
    """By path, the script first."""
    roots: dict[Path, None] = field(default_factory=dict)
    """The folders that local imports resolved from, in the order they were needed."""
    imported_at: dict[Path, tuple[FileFacts, int]] = field(default_factory=dict)
    """Where each file but the script is first imported: the importing file and the line."""
    locate: Callable[[str, int, str], str | None] = lambda key, level, dotted: None
    callers: set[Path] = field(default_factory=set)
    """The files that are looked at only for what they pass to others."""

    def is_looked_at(self, facts: FileFacts) -> bool:
        """Whether the file's calls are gone through, rather than only what others name of it."""
        return facts.of_interest or facts is self.script or facts.path in self.callers


class _Import(NamedTuple):
    """A local file that an import loads, the folder it resolves from, and where the import is."""

    path: Path
    root: Path
    importer: FileFacts
    line: int


class Project:
    """The files that were given, those that they import, and how imports resolve."""

    def __init__(self, files: Iterable[FileFacts], shown: Callable[[Path], str]) -> None:
        self._shown = shown
        self.declared = DeclarationSearch()
        self.payload_tree = cache(read_payload)
        self.files = {facts.path: facts for facts in files}
        self._indices: dict[Path, ModuleIndex | None] = {}
        self._exists = cache(Path.is_file)
        self._is_folder = cache(Path.is_dir)
        self._module_file = lru_cache(maxsize=None)(self._find_module_file)
        self._search_path = cache(self._find_search_path)
        self._package_root = cache(self._find_package_root)
        self._packages_above = cache(self._find_packages_above)
        self.reach = cache(self._find_reach)
        self._imports: dict[tuple[Path, tuple[Path, ...]], list[_Import]] = {}
        self._resolved: dict[tuple[Path, ...], dict[tuple[str, int, str], str | None]] = {}

    def with_files(self, new: Mapping[Path, FileFacts]) -> Project:
        """The same project with ``new`` in the place of files that were read before."""
        project = Project({**self.files, **new}.values(), self._shown)
        project.declared, project.payload_tree = self.declared, self.payload_tree
        return project

    # Scripts

    def scripts(self, given: set[Path], *, any_given: bool = False) -> list[FileFacts]:
        """The files that are run themselves, in the order of their names.

        A file that is named by the user counts when it does anything by itself, or with ``any_given``; one found in a
        folder only when nothing imports it, or when it plainly starts a program. Without a main guard, for
        ``python -m``, a module of a package that imports relatively is none: Python refuses to run it by its path.
        """
        imported = self._imported_files()
        found = []
        for path, facts in sorted(self.files.items()):
            if facts.error is not None or facts.source is None or facts.source.skipped:
                continue
            runs = facts.has_guard or facts.has_work or any_given
            if path not in given:
                if path.name == "__init__.py" or not self._may_run_by_path(facts):
                    runs = False
                elif path in imported:
                    runs = facts.has_guard and facts.starts_program
            if runs and (path in given or not self._builds(facts)):
                found.append(facts)
        return found

    def _builds(self, script: FileFacts) -> bool:
        """Whether a script builds, checks or releases the project: nobody means such a one for a job."""
        tools = build_tools()
        if script.source is None or not tools.may_build(self._foreign_imports(script, script)):
            return False
        files = self.reach(script).files.values()
        imported = {name for facts in files for name in self._foreign_imports(facts, script)}
        return tools.builds(imported, script.source.text)

    def _foreign_imports(self, facts: FileFacts, script: FileFacts) -> set[str]:
        """The top names of what ``facts`` imports from outside the project."""
        search = self.search_path(script.path)
        return {
            name.module.partition(".")[0]
            for name in facts.imports
            if not name.level
            and self.find_module(facts.path, 0, name.module.partition(".")[0], search) is None
        }

    def _may_run_by_path(self, facts: FileFacts) -> bool:
        """Whether a file is a program of its own as far as its imports tell."""
        return facts.has_guard or (
            any(name.module.partition(".")[0] not in _STDLIB for name in facts.imports)
            and not any(name.level and not name.optional for name in facts.imports)
        )

    def _imported_files(self) -> set[Path]:
        found: set[Path] = set()
        for path, facts in self.files.items():
            for target in self._imports_of(facts, self.search_path(path)):
                if target.path != path:
                    found.add(target.path)
        return found

    # Imports

    def search_path(self, script: Path) -> tuple[Path, ...]:
        """The folders in which a script's imports are looked up, nearest first."""
        return tuple(dict.fromkeys((*self._search_path(script.parent), *self._added(script))))

    def _added(self, script: Path) -> Iterator[Path]:
        """The folders that a script puts on the import path itself."""
        facts = self.files.get(script)
        for folder in () if facts is None else facts.import_folders:
            for base in (script.parent, Path.cwd()):
                added = Path(os.path.normpath(base / folder))
                if self._is_folder(added):
                    yield added
                    break

    def _find_search_path(self, folder: Path) -> tuple[Path, ...]:
        here = Path.cwd()
        top = folder
        for parent in (folder, *folder.parents):
            if any((parent / mark).exists() for mark in _TOP_MARKS) or parent == here:
                top = parent
            if (parent / ".git").exists() or parent == here:
                break
        above = []
        for parent in folder.parents:
            if not parent.is_relative_to(top):
                break
            above.append(parent)
        folders = [folder, *above]
        folders += [base / "src" for base in folders if self._is_folder(base / "src")]
        return tuple(dict.fromkeys(folders))

    def find_module(
        self, importer: Path, level: int, dotted: str, search: Sequence[Path]
    ) -> tuple[Path, Path] | None:
        """The file of a local module, and the folder its import resolves from."""
        parts = tuple(part for part in dotted.split(".") if part)
        if level:
            base = importer.parent
            for _ in range(level - 1):
                base = base.parent
            found = self._module_file(base, parts)
            return None if found is None else (found, self._package_root(found))
        if not parts:
            return None
        for place, base in enumerate(search):
            if place and parts[0] in _STDLIB:
                return None
            found = self._module_file(base, parts)
            if found is not None and found != importer:
                return found, base
        return None

    def _find_module_file(self, base: Path, parts: tuple[str, ...]) -> Path | None:
        if not parts:
            package = base / "__init__.py"
            return package if self._exists(package) else None
        target = base.joinpath(*parts)
        for candidate in (target / "__init__.py", target.with_name(target.name + ".py")):
            if self._exists(candidate):
                return candidate
        return None

    def _find_package_root(self, file: Path) -> Path:
        folder = file.parent
        while self._exists(folder / "__init__.py"):
            folder = folder.parent
        return folder

    def _imports_of(self, facts: FileFacts, search: tuple[Path, ...]) -> list[_Import]:
        """The local files that importing ``facts`` loads, packages' ``__init__`` included."""
        key = (facts.path, search)
        if key not in self._imports:
            self._imports[key] = self._find_imports(facts, search)
        return self._imports[key]

    def _find_imports(self, facts: FileFacts, search: tuple[Path, ...]) -> list[_Import]:
        found: dict[Path, _Import] = {}
        for name in facts.imports:
            for path, root in self._files_of(facts, name, search):
                found.setdefault(path, _Import(path, root, facts, name.line))
        return list(found.values())

    def _files_of(
        self, facts: FileFacts, name: ImportedName, search: tuple[Path, ...]
    ) -> Iterator[tuple[Path, Path]]:
        """The local files that one import loads, each with the folder it resolves from."""
        if name.module.rpartition(".")[2] == "*":
            yield from self._all_of_package(facts.path, name, search).items()
            return
        target = self.find_module(facts.path, name.level, name.module, search)
        targets = [target]
        if target is None or target[0].name == "__init__.py":
            parts = (f"{name.module}.{part}" if name.module else part for part in name.names)
            targets += [self.find_module(facts.path, name.level, part, search) for part in parts]
        for target in filter(None, targets):
            yield target
            yield from self._packages_above(*target)

    def _all_of_package(
        self, importer: Path, name: ImportedName, search: Sequence[Path]
    ) -> dict[Path, Path]:
        """Every module of a package from which one is imported by a name made at run time."""
        parts = name.module.split(".")[:-1]
        bases = [importer.parents[name.level - 1]] if name.level else search
        for base in bases:
            folder = base.joinpath(*parts)
            if self._is_folder(folder):
                files = [
                    file for file in sorted(folder.glob("*.py")) if not is_generated_file(file)
                ]
                root = self._package_root(folder / "__init__.py") if name.level else base
                return dict.fromkeys(files, root)
        return {}

    def _find_packages_above(self, file: Path, root: Path) -> tuple[tuple[Path, Path], ...]:
        packages: list[tuple[Path, Path]] = []
        folder = file.parent
        while folder != root and folder.is_relative_to(root):
            package = folder / "__init__.py"
            if self._exists(package):
                packages.append((package, root))
            folder = folder.parent
        return tuple(packages)

    # Reach

    def _find_reach(self, script: FileFacts) -> Reach:
        """Everything that running ``script`` loads from the project."""
        search = self.search_path(script.path)
        reach = Reach(script, {script.path: script})
        frontier = [script]
        while frontier:
            # All imports of one distance together, so that several processes can read them.
            imports = [found for facts in frontier for found in self._imports_of(facts, search)]
            self._read(found.path for found in imports)
            frontier = []
            for found in imports:
                if found.path not in reach.files:
                    reach.roots.setdefault(found.root)
                    reach.files[found.path] = self.files[found.path]
                    reach.imported_at[found.path] = (found.importer, found.line)
                    frontier.append(self.files[found.path])
        self._read_callers(reach)
        resolved = self._resolved.setdefault(search, {})

        def locate(key: str, level: int, dotted: str) -> str | None:
            asked = (key, level, dotted)
            if asked not in resolved:
                target = self.find_module(Path(key), level, dotted, search)
                resolved[asked] = None if target is None else str(target[0])
            return resolved[asked]

        reach.locate = locate
        return reach

    def _read_callers(self, reach: Reach) -> None:
        """Read the modules of the reach that call, when they are loaded, what another one defines, and those
        that call what writes to a path that it is given.

        Of its own such a module held nothing of interest, but it may say which arguments that gets.
        """
        files = reach.files.values()
        waiting = [facts for facts in files if not facts.of_interest and facts.called]
        if not waiting:
            return
        defined = frozenset[str]().union(*(facts.defined for facts in files))
        read = [facts for facts in files if facts.of_interest]
        writing: dict[str, set[str]] = {}  # names of writing functions by the modules they are in
        while read:
            known = frozenset[str]().union(*writing.values())
            for facts in read:
                names = names_of_writers(self.index(facts), facts, known)
                writing.setdefault(module_name(facts.path), set()).update(names)
            read = [
                facts
                for facts in waiting
                if not facts.work_calls.isdisjoint(defined) or _calls_writer(facts, writing)
            ]
            waiting = [facts for facts in waiting if facts not in read]
            reach.callers.update(facts.path for facts in read)

    def files_at(self, paths: Iterable[Path]) -> list[FileFacts]:
        """The Python files at ``paths``, read now if they were not before; those that cannot be used are left out."""
        wanted = list(paths)
        self._read(wanted)
        found = [self.files[path] for path in wanted]
        return [
            facts
            for facts in found
            if facts.error is None and facts.source is not None and not facts.source.skipped
        ]

    def _read(self, paths: Iterable[Path]) -> None:
        missing = dict.fromkeys(path for path in paths if path not in self.files)
        for facts in read_files([(path, self._shown(path)) for path in missing]):
            self.files[facts.path] = facts

    def index(self, facts: FileFacts) -> ModuleIndex | None:
        """The scopes of a file, read now if it seemed to hold nothing of interest before."""
        if facts.path not in self._indices:
            self._indices[facts.path] = self._build_index(facts)
        return self._indices[facts.path]

    def _build_index(self, facts: FileFacts) -> ModuleIndex | None:
        if facts.source is None or facts.error is not None or facts.source.skipped:
            return None
        if facts.body is None:
            try:
                facts.body = read_body(facts.source)
            except InputError as error:
                facts.error = error
                return None
        root = self._package_root(facts.path)
        relative = facts.path.relative_to(root).with_suffix("")
        parts = [part for part in relative.parts if part != "__init__"]
        return ModuleIndex(str(facts.path), facts.body, ".".join(parts))


def module_name(path: Path) -> str:
    """The last part of the name that a file is imported by."""
    return path.parent.name if path.name == "__init__.py" else path.stem


def _calls_writer(facts: FileFacts, writing: Mapping[str, set[str]]) -> bool:
    """Whether a file calls, by a name or a module that it imports, one of the functions ``writing``."""
    called = {
        name: functions & facts.called
        for name, functions in writing.items()
        if not functions.isdisjoint(facts.called)
    }
    if not called:
        return False
    parts = {imported.module.rpartition(".")[2] for imported in facts.imports}
    parts.update(*(imported.names for imported in facts.imports))
    return "*" in parts or any(
        name in parts or not functions.isdisjoint(parts) for name, functions in called.items()
    )


class ReachModules(Mapping[str, ModuleIndex]):
    """The modules of a reach by path. Iterating sees those that are looked at; asking for another reads it."""

    def __init__(self, project: Project, reach: Reach) -> None:
        self._project = project
        self._files = {str(path): facts for path, facts in reach.files.items()}
        self._indices: dict[str, ModuleIndex | None] = {}
        self._index(
            str(reach.script.path)
        )  # a script is read although it may hold no call of interest
        self._ready = {
            key: facts
            for key, facts in self._files.items()
            if reach.is_looked_at(facts) and self._index(key) is not None
        }

    def _index(self, key: str) -> ModuleIndex | None:
        if key not in self._indices:
            facts = self._files.get(key)
            self._indices[key] = None if facts is None else self._project.index(facts)
        return self._indices[key]

    @property
    def called_elsewhere(self) -> frozenset[str]:
        """The last names of what the modules call that hold nothing of interest and were not read."""
        return frozenset[str]().union(
            *(facts.called for key, facts in self._files.items() if key not in self._ready)
        )

    def __getitem__(self, key: str) -> ModuleIndex:
        index = self._index(key)
        if index is None:
            raise KeyError(key)
        return index

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._index(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._ready)

    def __len__(self) -> int:
        return len(self._ready)
