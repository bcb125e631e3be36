"""Versions that a project has settled: lock files, and what is installed in an environment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from mljob_codemod.requirements.project_files import parse_toml
from mljob_codemod.rules.packages import normalize

LOCK_FILES = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock")


def read_lock(path: Path) -> Mapping[str, str]:
    """The version of each distribution by normalized name, where the file has one only."""
    text = path.read_text(encoding="utf-8", errors="replace")
    versions: dict[str, set[str]] = {}
    pairs = (
        _pipenv(text) if path.suffix == ".lock" and path.stem == "Pipfile" else _toml(text, path)
    )
    for name, version in pairs:
        versions.setdefault(normalize(name), set()).add(version)
    return {name: found.pop() for name, found in versions.items() if len(found) == 1}


def _toml(text: str, path: Path) -> Iterator[tuple[str, str]]:
    tables = parse_toml(text, path)
    for key in ("package", "packages"):
        rows = tables.get(key)
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and isinstance(row.get("version"), str):
                # What has no index behind it is the project itself, or a checkout of something.
                source = row.get("source")
                if isinstance(source, dict):
                    kind = source.get("type", "index" if "registry" in source else "local")
                    if kind in ("local", "git", "directory", "file"):
                        continue
                yield str(row.get("name")), row["version"]


def _pipenv(text: str) -> Iterator[tuple[str, str]]:
    try:
        sections: Any = json.loads(text)
    except ValueError:
        return
    packages = sections.get("default") if isinstance(sections, dict) else None
    for name, entry in packages.items() if isinstance(packages, dict) else ():
        version = entry.get("version") if isinstance(entry, dict) else None
        if isinstance(version, str) and version.startswith("=="):
            yield name, version[2:]


class Environment:
    """The distributions of an environment on this machine, by their metadata: nothing is imported."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix

    def version(self, distribution: str) -> str | None:
        """The installed version of a distribution."""
        found = self._by_name.get(normalize(distribution))
        return None if found is None else str(found[1].version)

    def providing(self, module: str) -> str | None:
        """The distribution that installed the top-level ``module``."""
        return self._by_module.get(module)

    @cached_property
    def _by_module(self) -> Mapping[str, str]:
        """The name of the first distribution that installs each top-level module."""
        found: dict[str, str] = {}
        for name, distribution in self._by_name.values():
            if "file://" in (distribution.read_text("direct_url.json") or ""):
                continue  # a folder of this machine: the index does not have it
            top = distribution.read_text("top_level.txt")
            files = () if top is not None else distribution.files or ()
            modules = {file.parts[0].removesuffix(".py") for file in files}
            for module in modules if top is None else top.split():
                found.setdefault(module, name)
        return found

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[str, Any]]:
        """Name and record of each distribution, by its normalized name."""
        from importlib.metadata import distributions

        folders = [
            *sorted(self.prefix.glob("lib/python3*/site-packages")),
            self.prefix / "Lib/site-packages",
        ]
        found = distributions(path=[str(folder) for folder in folders])
        # Asked for its name, a record parses all that is said of the distribution.
        named = ((each.name, each) for each in found)
        return {normalize(name): (name, each) for name, each in named if name}


def find_environment(folders: Iterable[Path], variables: Mapping[str, str]) -> Environment | None:
    """The environment that work on a project uses: its own, else the one that is active."""
    for folder in folders:
        for name in (".venv", "venv"):
            if (folder / name / "pyvenv.cfg").is_file():
                return Environment(folder / name)
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if variables.get(variable):
            return Environment(Path(variables[variable]))
    return None
