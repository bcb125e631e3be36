"""Requirement files as pip reads them: options, included files, constraints, URLs, editable lines.

The grammar of lines is small and documented; the requirements in them are parsed by ``packaging``. Parsers
on the index give no line numbers or are no longer kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from mljob_codemod.requirements.declared import (
    Declared,
    Problem,
    RequirementFile,
    Trouble,
    declared,
)

_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTION = re.compile(r"^(-[A-Za-z]|--[a-z][\w-]*)(?:\s*=\s*|\s+|(?<=^-[A-Za-z]))(.*)$")
_LINE_OPTIONS = re.compile(r"\s+--?[A-Za-z][\w-]*.*$")
_URL = re.compile(r"^(?:(?:git|hg|svn|bzr)\+)?[a-z][a-z0-9+.-]*://|^git@", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(?:whl|zip|tar\.gz|tgz|tar\.bz2)$", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?")
_FLAGS = frozenset(
    "--no-index --pre --prefer-binary --require-hashes --use-feature --trusted-host --no-binary"
    " --only-binary --all-releases --only-final --uploaded-prior-to".split()
)
_INCLUDES = {"-r": False, "--requirement": False, "-c": True, "--constraint": True}
"""Options that name another file, and whether it only constrains."""
_INDEXES = frozenset({"-i", "--index-url", "--extra-index-url", "--pypi-url"})


def read_requirements(path: Path) -> RequirementFile:
    """A requirements file with those that it includes. Raises ``OSError`` when it cannot be read."""
    found = RequirementFile(path)
    _read(path, path.read_bytes(), found, {path.resolve()}, constraint=False)
    return found


def read_lines(lines: list[tuple[int, str]], path: Path) -> RequirementFile:
    """Lines of pip's grammar that stand in another file (the ``pip:`` part of a conda environment)."""
    found = RequirementFile(path)
    for number, line in lines:
        _read_line(line, path, number, found, {path.resolve()}, constraint=False)
    return found


def _read(
    path: Path, data: bytes, found: RequirementFile, seen: set[Path], constraint: bool
) -> None:
    for number, line in _logical_lines(_decode(data)):
        _read_line(line, path, number, found, seen, constraint)


def _decode(data: bytes) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16")):
        if data.startswith(mark):  # a redirection of PowerShell writes UTF-16
            return data.decode(encoding, errors="replace")
    return data.decode("utf-8", errors="replace")


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, those that end in a backslash joined, with the number of the first."""
    first, parts = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        first = first or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            parts += line[:-1]
            continue
        whole = _COMMENT.sub("", parts + line).strip()
        if whole:
            yield first, whole
        first, parts = 0, ""
    if whole := _COMMENT.sub("", parts).strip():
        yield first, whole


def _read_line(
    line: str, path: Path, number: int, found: RequirementFile, seen: set[Path], constraint: bool
) -> None:
    option = _OPTION.match(line) if line.startswith("-") else None
    if option is None or option[1] not in _INCLUDES:
        (found.constraints if constraint else found.lines).append(line)
    if option is None and line.startswith("-"):
        if line not in _FLAGS:
            _refuse(found, path, number, f"`{line}` is no option of requirement files")
        return
    if option is None:
        _add_requirement(_LINE_OPTIONS.sub("", line), path, number, found, constraint)
        return
    name, value = option[1], option[2].strip().strip("\"'")
    match name:
        case _ if name in _INCLUDES:
            constraint = constraint or _INCLUDES[name]
            if not _include(value, path, number, found, seen, constraint):
                # Left to pip: what a URL leads to, or to say that the file is not there.
                left = line if _URL.match(value) else f"{name} {path.parent / value}"
                (found.constraints if constraint else found.lines).append(left)
        case "-e" | "--editable":
            _add_requirement(value, path, number, found, constraint)
        case _ if name in _INDEXES or name in ("-f", "--find-links"):
            if _URL.match(value):
                found.hosts.append((_host(value), path, number))
            else:
                found.needed.append((path, number, value))
        case _ if name not in _FLAGS:
            _refuse(found, path, number, f"`{name}` is no option of requirement files")


def _include(
    value: str, path: Path, number: int, found: RequirementFile, seen: set[Path], constraint: bool
) -> bool:
    """Whether the lines of the file that is included are read, now or before."""
    if _URL.match(value):
        found.hosts.append((_host(value), path, number))
        return False
    found.needed.append((path, number, value))
    target = path.parent / value
    try:
        if target.resolve() in seen:
            return True
        data = target.read_bytes()
    except OSError:
        message = f"`{value}`, which it names, is not there"
        found.problems.append(Problem(Trouble.MISSING, path, number, message, value))
        return False
    seen.add(target.resolve())
    _read(target, data, found, seen, constraint)
    return True


def _add_requirement(
    text: str, path: Path, number: int, found: RequirementFile, constraint: bool
) -> None:
    if constraint:
        return  # it installs nothing, and pip refuses what contradicts it by itself
    requirement = declared(text, path, number)
    if requirement is None and _URL.match(text):
        requirement = Declared(_name_of_url(text), text, path, number, url=text)
    elif requirement is None and _is_path(text, path.parent):
        local = re.sub(r"\[[^\]]*\]$", "", text.removeprefix("file:"))
        requirement = Declared(_name_of_archive(local), text, path, number, local=local)
    if requirement is None:
        _refuse(found, path, number, f"`{text}` is no requirement that pip understands")
        return
    if requirement.local is not None:
        found.needed.append((path, number, requirement.local))
        if not (path.parent / requirement.local).exists():
            message = f"`{requirement.local}`, which it names, is not there"
            problem = Problem(Trouble.MISSING, path, number, message, requirement.local)
            found.problems.append(problem)
    elif requirement.url is not None:
        found.hosts.append((_host(requirement.url), path, number))
    found.requirements.append(requirement)


def _is_path(text: str, folder: Path) -> bool:
    bare = re.sub(r"\[[^\]]*\]$", "", text)
    return bare.startswith((".", "/", "~", "file:")) or bool(
        _ARCHIVE.search(bare) or ("/" in bare and " " not in bare) or (folder / bare).is_dir()
    )


def _refuse(found: RequirementFile, path: Path, number: int, message: str) -> None:
    found.problems.append(Problem(Trouble.INVALID, path, number, message))


def _host(url: str) -> str:
    if url.lower().startswith("git@"):
        return url[4:].partition(":")[0]
    try:
        return urlsplit(re.sub(r"^\w+\+", "", url)).hostname or url
    except ValueError:
        return url


def _name_of_url(url: str) -> str | None:
    """The distribution that a URL installs: its ``#egg=``, a wheel's name, else the repository's."""
    from packaging.utils import canonicalize_name

    address, _, fragment = url.partition("#")
    egg = re.search(r"(?:^|&)egg=([\w.-]+)", fragment)
    if egg is not None:
        return canonicalize_name(egg[1])
    last = address.rstrip("/").rpartition("/")[2]
    if _ARCHIVE.search(last):
        return _name_of_archive(last)
    name = last.partition("@")[0].removesuffix(".git")
    return canonicalize_name(name) if _NAME.fullmatch(name) else None


def _name_of_archive(path: str) -> str | None:
    from packaging.utils import canonicalize_name

    name = re.match(r"([A-Za-z0-9_.-]+?)-\d", Path(path).name) if _ARCHIVE.search(path) else None
    return canonicalize_name(name[1]) if name is not None else None
