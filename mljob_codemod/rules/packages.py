"""What the runtime images hold, and which distribution an import comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.extensions import added_names, extensible
from mljob_codemod.rules.rows import FOLDER, as_text, as_texts, parse_toml, read_text

KINDS: Final = ("cpu", "gpu")


@dataclass(frozen=True, eq=False)
class RuntimePackage:
    """A distribution in the runtime images; ``versions`` maps an image such as "cpu3.11" to its version."""

    distribution: str
    imports: tuple[str, ...]
    versions: Mapping[str, str]

    def version(self, kind: str, python: str) -> str | None:
        """The version in the image of that kind ("cpu", "gpu") and Python, or None where it is not."""
        return self.versions.get(kind + python)

    def versions_in(self, images: Sequence[str]) -> tuple[str, ...]:
        """Its versions in ``images``, each once; empty unless all of them have it."""
        found = [self.versions.get(image) for image in images]
        return () if None in found else tuple(dict.fromkeys(each for each in found if each))


@dataclass(frozen=True, eq=False)
class RuntimePackages:
    """The packages of one release of the runtime."""

    runtime: str
    pythons: tuple[str, ...]
    packages: Mapping[str, RuntimePackage]
    """By normalized name of the distribution."""

    def named(self, distribution: str) -> RuntimePackage | None:
        """The package of that distribution, however its name is spelled."""
        return self.packages.get(normalize(distribution))

    def providing(self, import_name: str) -> RuntimePackage | None:
        """The package that ``import_name`` (dotted or not) is imported from."""
        found = self.match(import_name)
        return None if found is None else found[1]

    def match(self, import_name: str) -> tuple[str, RuntimePackage] | None:
        """The longest part of ``import_name`` that a package provides, and the package."""
        for name in _prefixes(import_name):
            if name in self._by_import:
                return name, self._by_import[name]
        return None

    def images(self, kind: str | None, python: str | None) -> tuple[str, ...]:
        """The images that a job may get: of one kind or both, of one Python or all."""
        return tuple(
            each + version
            for each in ([kind] if kind else KINDS)
            for version in ([python] if python else self.pythons)
        )

    @cached_property
    def _by_import(self) -> Mapping[str, RuntimePackage]:
        return {name: package for package in self.packages.values() for name in package.imports}


@dataclass(frozen=True, eq=False)
class Distributions:
    """Names of distributions that cannot be told from the name of the import."""

    names: Mapping[str, str]
    not_on_index: frozenset[str]
    alternatives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Other distributions, normalized, that provide an import too: a project may declare one of them."""

    def providing(self, import_name: str) -> str | None:
        """The distribution for ``import_name`` (dotted or not); None: the index has none.

        Where nothing is known it has the import's own name: see ``knows``.
        """
        found = self.match(import_name)
        return import_name.partition(".")[0].replace("_", "-") if found is None else found[1]

    def match(self, import_name: str) -> tuple[str, str | None] | None:
        """The longest part of ``import_name`` that a row is for, and its distribution."""
        for name in _prefixes(import_name):
            if name in self.not_on_index:
                return name, None
            if name in self.names:
                return name, self.names[name]
            owner, _, last = name.rpartition(".")
            pattern = self.names.get(f"{owner}.*") if owner else None
            if pattern is not None:
                return name, pattern.replace("*", last.replace("_", "-"))
        return None

    def knows(self, import_name: str) -> bool:
        """Whether ``providing`` answers from a row, or with a distribution known by that name."""
        return (
            self.match(import_name) is not None
            or normalize(import_name.partition(".")[0]) in known_distributions()
        )


def normalize(distribution: str) -> str:
    """The name of a distribution as the package index compares it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _prefixes(import_name: str) -> Iterator[str]:
    """``a.b.c``, ``a.b``, ``a``."""
    while import_name:
        yield import_name
        import_name = import_name.rpartition(".")[0]


def load_runtime_packages(path: Path) -> RuntimePackages:
    """The packages in a file of the form of ``runtime_packages.toml``."""
    tables = parse_toml(read_text(path), path)
    key = "runtime"
    try:
        runtime = as_text(tables.get(key))
        pythons = as_texts(tables.get(key := "pythons"))
        versions = _as_versions(as_text(tables.get(key := "packages")), pythons)
        imports = {}
        for key, value in tables.get("imports", {}).items():
            if key not in versions:
                raise ValueError("is not among the packages")
            imports[key] = as_texts(value)
    except ValueError as error:
        raise ConfigError(str(path), f"{key}: {error}") from None
    packages = {
        normalize(name): RuntimePackage(
            name, imports.get(name, (name.replace("-", "_").lower(),)), images
        )
        for name, images in versions.items()
    }
    return RuntimePackages(runtime, pythons, packages)


def _as_versions(lines: str, pythons: tuple[str, ...]) -> Mapping[str, Mapping[str, str]]:
    """From the lines, by distribution, the version in each image."""
    images: dict[str, tuple[str, ...]] = {
        kind + python: (kind + python,) for kind in KINDS for python in pythons
    }
    every = tuple(images)
    images |= {kind: tuple(kind + python for python in pythons) for kind in KINDS}
    versions: dict[str, dict[str, str]] = {}
    for line in filter(None, lines.splitlines()):
        try:
            name, version, *where = line.split()
            named = [image for word in where for image in images[word]] if where else every
        except (KeyError, ValueError):
            raise ValueError(f"{line!r} must be a name, a version and images") from None
        known = versions.setdefault(name, {})
        for image in named:
            if known.setdefault(image, version) != version:
                raise ValueError(f"{name} has two versions in {image}")
    return versions


def load_distributions(path: Path) -> Distributions:
    """The names in a file of the form of ``distributions.toml``."""
    tables = parse_toml(read_text(path), path)
    key = "not-on-index"
    try:
        missing = frozenset(as_texts(tables.get(key)))
        names = {}
        for key, name in tables.get("distributions", {}).items():
            names[key] = as_text(name)
        others = {}
        for key, rows in tables.get("alternatives", {}).items():
            others[key] = tuple(map(normalize, as_texts(rows)))
    except ValueError as error:
        raise ConfigError(str(path), f"{key}: {error}") from None
    return Distributions(names, missing, others)


@lru_cache(maxsize=1)
def known_distributions() -> frozenset[str]:
    """Normalized names of distributions whose imports are called as they are (known_distributions.toml)."""
    path = FOLDER / "known_distributions.toml"
    return frozenset(as_text(parse_toml(read_text(path), path).get("names")).split())


@lru_cache(maxsize=1)
def runtime_packages() -> RuntimePackages:
    """The packages of the newest runtime release whose list is known."""
    return load_runtime_packages(FOLDER / "runtime_packages.toml")


@extensible
def distributions() -> Distributions:
    """The shipped names of distributions, and those of extensions, which win."""
    shipped = load_distributions(FOLDER / "distributions.toml")
    names = dict(shipped.names)
    for file, added in added_names("distributions"):
        for name, distribution in added.items():
            try:
                names[name] = as_text(distribution)
            except ValueError as error:
                raise ConfigError(str(file), f"[distributions] {name}: {error}") from None
    return Distributions(names, shipped.not_on_index - names.keys(), shipped.alternatives)
