"""Records of what requirement files say."""

from __future__ import annotations

import re
from dataclasses import field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from mljob_codemod.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_LOCAL_VERSION = re.compile(r"(?<===)(\s*[^\s,;+]+)\+[A-Za-z0-9.]+")


@dataclass(frozen=True)
class Declared:
    """One requirement. ``name`` is normalized, and None where a URL or a folder does not tell it."""

    name: str | None
    text: str
    """The requirement as a line for pip, without options and comments."""
    path: Path
    line: int
    specifier: str = ""
    marker: str = ""
    url: str | None = None
    local: str | None = None
    """The path of a requirement that is a local file or folder, as written."""
    main: bool = True
    """Not in a group or extra that is installed only when asked for."""

    def applies(self, python: str) -> bool:
        """Whether the marker holds in a job: Linux on x86, with that Python."""
        if not self.marker:
            return True
        from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName

        environment = {
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": "x86_64",
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{python}.0",
            "python_version": python,
            "sys_platform": "linux",
            "extra": "",
        }
        try:
            return Marker(self.marker).evaluate(environment)
        except (InvalidMarker, UndefinedEnvironmentName):
            return True

    def allows(self, version: str) -> bool:
        """Whether ``version`` satisfies it; what cannot be compared does not conflict."""
        if not self.specifier:
            return True
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        try:
            return SpecifierSet(_LOCAL_VERSION.sub(r"\1", self.specifier)).contains(
                version.partition("+")[0], prereleases=True
            )
        except InvalidSpecifier:
            return True

    def requirement(self, pin: str | None = None) -> str:
        """The line that installs it in a job, with ``pin`` as its version where there is one.

        What only the machine it was written on has is left out: local versions such as ``+cu118``.
        """
        text = _LOCAL_VERSION.sub(r"\1", self.text)
        if pin is None or self.name is None or self.url or self.local:
            return text
        body, semicolon, marker = text.partition(";")
        name = re.match(r"[^\s<>=!~;@]+(?:\s*\[[^\]]*\])?", body)
        pinned = f"{name[0].replace(' ', '') if name else self.name}=={pin.partition('+')[0]}"
        return f"{pinned} ;{marker}" if semicolon else pinned


class Trouble(Enum):
    """Why pip stops at a line of a requirements file in a job."""

    INVALID = "invalid"
    MISSING = "missing"
    """It names a file or folder that is not there."""


@dataclass(frozen=True)
class Problem:
    """A line that pip would stop at. ``target`` is the path that is missing."""

    trouble: Trouble
    path: Path
    line: int
    message: str
    target: str = ""


@dataclass
class RequirementFile:
    """One file, with those that it includes."""

    path: Path
    requirements: list[Declared] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    needed: list[tuple[Path, int, str]] = field(default_factory=list)
    """Local files and folders that a line names (``-r``, ``-c``, ``-e``, a wheel): file, line, the path."""
    hosts: list[tuple[str, Path, int]] = field(default_factory=list)
    """Hosts that its URLs and index options name."""
    lines: list[str] = field(default_factory=list)
    """Of a file in pip's grammar: its lines as pip gets them, those of included files in their places."""
    constraints: list[str] = field(default_factory=list)
    """The lines of the files of constraints that it names."""


def parse(text: str) -> Requirement | None:
    """A requirement of PEP 508, None where it is none."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def declared(text: str, path: Path, line: int, *, main: bool = True) -> Declared | None:
    """The record for a requirement of PEP 508, None where it is none."""
    from packaging.utils import canonicalize_name

    found = parse(text)
    if found is None:
        return None
    return Declared(
        canonicalize_name(found.name),
        re.sub(r"\s*,\s*", ",", " ".join(text.split())),
        path,
        line,
        str(found.specifier),
        str(found.marker or ""),
        found.url,
        main=main,
    )
