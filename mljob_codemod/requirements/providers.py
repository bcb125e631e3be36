"""Which distribution provides an import, and what pip has to be told about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mljob_codemod.config import Settings
from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.requirements.declared import Declared
from mljob_codemod.requirements.search import Declarations
from mljob_codemod.rules.packages import (
    RuntimePackage,
    distributions,
    normalize,
    runtime_packages,
)
from mljob_codemod.rules.pins import pin_rules

if TYPE_CHECKING:
    from mljob_codemod.requirements.locks import Environment

NAMESPACES = frozenset({"azure", "google", "snowflake", "ufal"})
"""Top-level modules that many distributions share."""


@dataclass(frozen=True)
class Provider:
    """Where an import comes from. ``distribution`` is None where the index has none."""

    import_name: str
    distribution: str | None
    guessed: bool = False
    """Nothing but the import's own name speaks for the distribution."""


@dataclass(frozen=True)
class PackageResolver:
    """Answers for one job: its project's requirement files, and the images it may run in."""

    declarations: Declarations
    images: tuple[str, ...]
    settings: Settings
    folder: Path
    environments: Callable[[Iterable[Path]], Environment | None]
    """The environment that work on a project in some folders uses."""

    def provider(self, module: str) -> Provider:
        """The distribution behind ``import module``: what the project declares goes before the tables."""
        name = module.partition(".")[0]
        shared = name in NAMESPACES
        table, image = distributions().match(module), runtime_packages().match(module)
        if image is not None and (table is None or len(image[0]) >= len(table[0])):
            shown = image[0] if shared else name
            distribution = image[1].distribution
            if table is not None and not any(map(image[1].versions.get, self.images)):
                distribution = table[1] or distribution  # the image of another kind has it
            declared = self._declared_for(name, table[1] if table is not None else distribution)
            return Provider(shown, declared or distribution)
        if shared:
            shown = module if table is None else table[0]
            if table is None:
                return Provider(shown, shown.replace(".", "-"), guessed=True)
            return Provider(shown, table[1])
        declared = self._declared_for(name, None if table is None else table[1])
        if declared is not None:
            return Provider(name, declared)
        if table is not None or distributions().knows(module):
            return Provider(name, distributions().providing(module))
        installed = self._installed(name)
        return Provider(
            name, installed or distributions().providing(module), guessed=installed is None
        )

    def _declared_for(self, name: str, known: str | None = None) -> str | None:
        """What the project declares for an import: the known distribution, one of its like, or its own name.

        Answers None for the known one, which the tables spell as its makers do.
        """
        others = distributions().alternatives.get(name, ())
        names = self.declarations.names
        if known is not None and normalize(known) in names:
            return known
        wanted = (*others, normalize(name)) if known is None else others
        return next((other for other in wanted if other in names), None)

    def _installed(self, name: str) -> str | None:
        environment = self._environment
        return None if environment is None else environment.providing(name)

    @cached_property
    def _environment(self) -> Environment | None:
        return self.environments((self.declarations.folder or self.folder, self.folder))

    # What pip is told

    def versions(self, distribution: str) -> tuple[str, ...]:
        """Its versions in the images the job may get; empty unless all have it."""
        package = self.runtime_package(distribution)
        return () if package is None else package.versions_in(self.images)

    def runtime_package(self, distribution: str) -> RuntimePackage | None:
        return runtime_packages().named(distribution)

    def declared(self, distribution: str) -> Declared | None:
        """What the project says of a distribution, when it holds for the job's Python."""
        found = self.declarations.of(normalize(distribution))
        return found if found is not None and self.applies(found) else None

    def applies(self, declared: Declared) -> bool:
        return any(declared.applies(python) for python in self.pythons)

    @property
    def pythons(self) -> tuple[str, ...]:
        """The Pythons of the images, oldest first."""
        return tuple(dict.fromkeys(image[3:] for image in self.images))

    def differs(self, declared: Declared) -> tuple[str, ...]:
        """The image's versions when they do not satisfy what the project says."""
        if declared.name is None or declared.url is not None or declared.local is not None:
            return ()
        versions = self.versions(declared.name)
        return tuple(version for version in versions if not declared.allows(version))

    def line(self, distribution: str) -> tuple[str, Declared | None, Path | None]:
        """The line for pip, what it is made of, and the lock file its version comes from."""
        declared = self.declarations.of(normalize(distribution))
        pin, lock = self._pin(distribution, declared)
        if declared is not None and declared.local is None and self.settings.pins != "none":
            return declared.requirement(pin), declared, lock
        return (distribution if pin is None else f"{distribution}=={pin}"), None, lock

    def _pin(self, distribution: str, declared: Declared | None) -> tuple[str | None, Path | None]:
        """A settled version and its lock file: from the environment only where that is asked for."""
        if self.settings.pins == "none":
            return None, None
        locked = self.declarations.locked.get(normalize(distribution))
        if locked is not None and (declared is None or declared.allows(locked[0])):
            return locked
        if self.settings.pins == "environment":
            if self._environment is None:
                raise ConfigError(
                    str(self.settings.file or "pins"),
                    'pins = "environment", but there is neither a .venv beside the project nor an '
                    "active environment; activate one",
                )
            version = self._environment.version(distribution)
            if version is not None and (declared is None or declared.allows(version)):
                return version.partition("+")[0], None
        return None, None

    def is_own(self, distribution: str) -> bool:
        """Whether the runtime itself works with the distribution."""
        return pin_rules().is_own(normalize(distribution))

    def breaks_runtime(self, declared: Declared, versions: tuple[str, ...]) -> bool:
        """Whether ``declared`` puts another major version in the place of all ``versions`` of the image."""
        oldest = pin_rules().oldest.get(declared.name or "")
        if oldest is not None and _is_below(declared.specifier, oldest):
            return True
        return all(_has_other_major(declared.specifier, version) for version in versions)

    def first_wheel(self, declared: Declared) -> str | None:
        """The oldest version that a job can install, when all that ``declared`` allows are older."""
        row = pin_rules().first_wheel.get(declared.name or "")
        found = [row[python] for python in self.pythons if python in row] if row else []
        if not found or not declared.specifier:
            return None
        return found[0] if _is_below(declared.specifier, found[0]) else None


def _has_other_major(specifier: str, version: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        major = Version(version).major
        lower = [
            Version(part.version.removesuffix(".*")).major
            for part in SpecifierSet(specifier)
            if part.operator in ("==", "===", "~=", ">=", ">")
        ]
    except (InvalidSpecifier, InvalidVersion):
        return False
    return any(each > major for each in lower) or _is_below(specifier, f"{major}.0")


def _is_below(specifier: str, version: str) -> bool:
    """Whether everything that ``specifier`` allows is older than ``version``."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        first = Version(version)
        for part in SpecifierSet(specifier):
            bound = Version(part.version.removesuffix(".*").partition("+")[0])
            if part.operator == "<" and bound <= first:
                return True
            # «== 1.*» and «~= 1.2» reach up to the next of the numbers that they fix.
            kept = len(bound.release) - (part.operator == "~=")
            open_ended = part.operator == "~=" or part.version.endswith(".*")
            if part.operator in ("==", "<=", "~=", "===") and bound < first:
                if not open_ended or bound.release[:kept] != first.release[:kept]:
                    return True
    except (InvalidSpecifier, InvalidVersion):
        return False
    return False
