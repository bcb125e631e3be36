"""Requirements in files other than pip's: PEP 723 blocks, pyproject.toml, setup.cfg, Pipfile, conda.

Each reader answers None when the file says nothing of requirements, and raises ``InputError`` when it does
not parse.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mljob_codemod.discovery import shown_path
from mljob_codemod.errors import InputError
from mljob_codemod.requirements.declared import Declared, RequirementFile, declared
from mljob_codemod.requirements.pip_files import read_lines

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BLOCK = re.compile(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
_CONDA_NAMES = {
    "dgl-cuda11.8": "dgl",
    "faiss": "faiss-cpu",
    "graphviz": None,  # the program; the module is python-graphviz
    "msgpack-python": "msgpack",
    "opencv": "opencv-python",
    "py-opencv": "opencv-python",
    "py-xgboost": "xgboost",
    "py-xgboost-gpu": "xgboost",
    "python": None,
    "python-graphviz": "graphviz",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "pytables": "tables",
    "matplotlib-base": "matplotlib",
}
"""Conda's names of distributions that the index calls otherwise; None: no distribution."""


def parse_toml(text: str, path: Path) -> Mapping[str, Any]:
    """The tables of a TOML file."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise InputError(
            shown_path(path),
            f"is not valid TOML, so its requirements are unknown: {error}",
            line=int(line[1]) if line else None,
        ) from None


def read_script_block(text: str, path: Path) -> RequirementFile | None:
    """The dependencies in a script's own ``# /// script`` block (PEP 723)."""
    block = _BLOCK.search(text) if "# /// script" in text else None
    if block is None:
        return None
    content = "".join(
        line[2:] if line.startswith("# ") else line[1:]
        for line in block["content"].splitlines(keepends=True)
    )
    tables = parse_toml(content, path)
    found = RequirementFile(path)
    _add_texts(tables.get("dependencies"), text, found)
    return found


def read_pyproject(text: str, path: Path) -> RequirementFile | None:
    """Dependencies of ``[project]``, its extras, dependency groups, and Poetry's table."""
    tables = parse_toml(text, path)
    project, found = tables.get("project"), RequirementFile(path)
    if isinstance(project, dict):
        _add_texts(project.get("dependencies"), text, found)
        _add_groups(project.get("optional-dependencies"), text, found)
    poetry = tables.get("tool", {}).get("poetry")
    if isinstance(poetry, dict):
        _add_constraints(poetry.get("dependencies"), text, found, _poetry)
        groups = poetry.get("group")
        for group in groups.values() if isinstance(groups, dict) else ():
            _add_constraints(group.get("dependencies"), text, found, _poetry, main=False)
    _add_groups(tables.get("dependency-groups"), text, found)
    return found if found.requirements else None


def read_setup_cfg(text: str, path: Path) -> RequirementFile | None:
    """``install_requires`` and the extras of a ``setup.cfg``."""
    import configparser

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        message = f"does not parse, so its requirements are unknown: {error.message}"
        raise InputError(shown_path(path), " ".join(message.split())) from None
    found = RequirementFile(path)
    if parser.has_section("options"):
        _add_texts(_lines(parser.get("options", "install_requires", fallback="")), text, found)
    if parser.has_section("options.extras_require"):
        for value in dict(parser.items("options.extras_require")).values():
            _add_texts(_lines(value), text, found, main=False)
    return found if found.requirements else None


def read_pipfile(text: str, path: Path) -> RequirementFile | None:
    """The packages of a ``Pipfile``."""
    tables, found = parse_toml(text, path), RequirementFile(path)
    _add_constraints(tables.get("packages"), text, found, _pipenv)
    _add_constraints(tables.get("dev-packages"), text, found, _pipenv, main=False)
    return found if found.requirements else None


def read_conda(text: str, path: Path) -> RequirementFile | None:
    """The dependencies of a conda ``environment.yml``, pip's among them."""
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "error"
        raise InputError(
            shown_path(path),
            f"is not valid YAML, so its requirements are unknown: {problem}",
            line=None if mark is None else mark.line + 1,
        ) from None
    found = RequirementFile(path)
    for item in _sequence(root, "dependencies"):
        line = item.start_mark.line + 1
        if isinstance(item, yaml.ScalarNode):
            requirement = _conda(item.value, path, line)
            found.requirements += [] if requirement is None else [requirement]
        else:
            lines = [(each.start_mark.line + 1, str(each.value)) for each in _sequence(item, "pip")]
            inner = read_lines(lines, path)
            found.requirements += inner.requirements
    return found if found.requirements else None


def _sequence(node: Any, key: str) -> list[Any]:
    """The items under ``key`` of a YAML mapping."""
    pairs = node.value if node is not None and node.id == "mapping" else ()
    for name, value in pairs:
        if name.value == key and value.id == "sequence":
            return list(value.value)
    return []


def _conda(text: str, path: Path, line: int) -> Declared | None:
    """``channel::name=1.2=build`` and ``name>=1.2`` as a requirement."""
    parts = re.fullmatch(r"(?:\S+::)?([\w.-]+)\s*(?:\[.*\])?\s*(.*)", text.strip())
    if parts is None:
        return None
    name, version = _CONDA_NAMES.get(parts[1].lower(), parts[1]), parts[2].strip()
    if name is None:
        return None
    if re.match(r"=?[\d.*]", version):
        number = version.lstrip("=").split("=")[0].split(" ")[0]
        exact = version.startswith("==") or not version.startswith("=")
        # One «=» of conda means «begins with».
        wild = number if number.endswith("*") or exact else f"{number}.*"
        version = f"=={wild}" if number else ""
    return declared(f"{name}{version}", path, line) or declared(name, path, line)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _add_texts(value: object, text: str, found: RequirementFile, *, main: bool = True) -> None:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, str):
            requirement = declared(item, found.path, _line_of(item, text), main=main)
            found.requirements += [] if requirement is None else [requirement]


def _add_groups(value: object, text: str, found: RequirementFile) -> None:
    for group in value.values() if isinstance(value, dict) else ():
        _add_texts(group, text, found, main=False)


def _add_constraints(
    value: object,
    text: str,
    found: RequirementFile,
    convert: Callable[[str], str | None],
    *,
    main: bool = True,
) -> None:
    """Tables of a name and a constraint, as Poetry and Pipenv have them."""
    for name, constraint in value.items() if isinstance(value, dict) else ():
        if name.lower() == "python":
            continue
        line = _line_of(name, text)
        for requirement in _constrained(name, constraint, found.path, line, convert, main):
            found.requirements.append(requirement)


def _constrained(
    name: str,
    constraint: object,
    path: Path,
    line: int,
    convert: Callable[[str], str | None],
    main: bool,
) -> Iterator[Declared]:
    table = constraint if isinstance(constraint, dict) else {"version": constraint}
    extras = table.get("extras")
    full = f"{name}[{','.join(extras)}]" if isinstance(extras, list) and extras else name
    url = table.get("url")
    if isinstance(table.get("git"), str):
        revision = next((table[key] for key in ("rev", "tag", "branch", "ref") if key in table), "")
        url = f"git+{table['git']}{f'@{revision}' if revision else ''}"
    version = table.get("version")
    specifier = convert(version) if isinstance(version, str) else ""
    text = f"{full} @ {url}" if isinstance(url, str) else f"{full}{specifier or ''}"
    marker = table.get("markers")
    if isinstance(marker, str):
        text += f" ; {marker}"
    optional = table.get("optional") is True
    requirement = declared(text, path, line, main=main and not optional)
    if requirement is not None:
        yield requirement


def _poetry(constraint: str) -> str | None:
    """Poetry's constraint as a specifier of pip; None where pip has none (``||``)."""
    if "|" in constraint:
        return None
    parts = [part.strip() for part in constraint.split(",") if part.strip()]
    converted = [_poetry_part(part) for part in parts]
    return ",".join(part for part in converted if part)


def _poetry_part(part: str) -> str:
    if part == "*":
        return ""
    if part[0] in "^~" and not part.startswith("~="):
        numbers = part[1:].strip()
        release = [int(number) for number in re.findall(r"\d+", numbers.split("-")[0])]
        if not release:
            return ""
        kept = min(2, len(release)) if part[0] == "~" else _caret_length(release)
        upper = [*release[: kept - 1], release[kept - 1] + 1]
        return f">={numbers},<{'.'.join(map(str, upper))}"
    return f"=={part}" if part[0].isdigit() else part


def _caret_length(release: list[int]) -> int:
    """How many numbers stay fixed up to the first that is not 0."""
    return next((index + 1 for index, number in enumerate(release) if number), len(release))


def _pipenv(constraint: str) -> str | None:
    return "" if constraint.strip() == "*" else constraint


def _line_of(name: str, text: str) -> int:
    """The line on which a requirement stands: TOML libraries do not tell."""
    start = text.find(f'"{name}"')
    for form in (f"'{name}'", f"\n{name} ", f"\n{name}=", name):
        start = text.find(form) if start < 0 else start
    start = max(start, 0)
    return text.count("\n", 0, start + 1 if text[start : start + 1] == "\n" else start) + 1
