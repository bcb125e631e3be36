"""What is known of where a path lies: its beginning, and its text as far as it can be seen."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import Enum

from mljob_codemod.analysis.options import Option
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Scope

SCRATCH_VARIABLE = "MLJOB_SCRATCH"
"""Where the scratch folder of a job is told to its processes (``codemods/inserted.py``)."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Root(Enum):
    """What decides where a path lies."""

    LITERAL = "literal"
    OPTION = "option"
    ENVIRONMENT = "environment"
    SCRIPT_FOLDER = "script folder"
    HOME = "home"
    WORKING_FOLDER = "working folder"
    TEMPORARY = "temporary"
    RESULT = "result path"
    URL = "url"
    UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class PathValue:
    """One value that a path may have.

    ``text`` is the path as far as it is known, unknown parts in angle brackets; ``node``, in ``scope``,
    is the expression that decides where it lies, and ``via`` the call of ``os.path.join`` or ``Path``
    whose first argument that expression is. ``prefix`` says that text follows the root directly,
    without a separator, so that the root names files rather than a folder. ``components`` are the
    options whose whole values become folders or files further on in the path.
    """

    root: Root
    text: str
    scope: Scope | None = None
    node: r.Expr | None = None
    via: r.Call | None = None
    option: Option | None = None
    prefix: bool = False
    built: bool = False
    is_path: bool = False
    at_use: bool = False
    """The expression serves as something else too (a dictionary's key): to be moved where it is used."""
    components: tuple[Option, ...] = ()
    prefixes: tuple[Option, ...] = ()
    """The options whose values begin the name right below the root."""
    has_parts: bool = False
    """Some option's value is a part of the path further on."""
    reason: str = ""


UNKNOWN = PathValue(Root.UNKNOWN, "<unknown>")


def root_of_text(text: str) -> Root:
    """What a literal begins with: it is a path unless it names a protocol."""
    return Root.URL if _URL.match(text) else Root.LITERAL


def parent(value: PathValue) -> PathValue:
    """The folder of a path."""
    folder, separator, _ = value.text.rstrip("/").rpartition("/")
    if value.root is Root.SCRIPT_FOLDER:
        # Normalised, what follows is then relative to the script's folder.
        return replace(value, text=f"{value.text}/..", built=False)
    if value.root is Root.OPTION:
        return replace(value, text=folder)
    return replace(value, text=folder if separator else ".")


def renamed(value: PathValue, method: str, argument: r.Argument | None) -> PathValue:
    """A path after ``with_suffix``, ``with_stem`` or ``with_name``."""
    given = argument.value if argument is not None else None
    new = given.value if isinstance(given, r.Const) and isinstance(given.value, str) else "<name>"
    folder, separator, name = value.text.rpartition("/")
    if method == "with_suffix":
        name = f"{name.rpartition('.')[0] or name}{new}"
    elif method == "with_stem":
        name = f"{new}{'.' + name.rpartition('.')[2] if '.' in name else ''}"
    else:
        name = new
    return replace(value, text=f"{folder}{separator}{name}")
