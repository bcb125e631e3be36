"""What a command-line option is, and what expressions say of one.

``option_frameworks`` finds the options that a script declares, one module a framework.
"""

from __future__ import annotations

from dataclasses import field
from typing import NamedTuple, Union

from mljob_codemod.edits import Span
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules import Manner
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Scope, Site
from mljob_codemod.syntax.walking import walk

RESULT_VARIABLE = "MLRS_STAGE_RESULT_PATH"
"""The environment variable that names the folder whose files a job keeps."""
CLICK = ("click", "rich_click", "asyncclick")


@dataclass(frozen=True, eq=False)
class Option:
    """One declared option or positional.

    ``declaration`` is the call, parameter or class field that declares it, ``default`` its default as
    written there (None: no default, or None itself). ``position`` counts the positionals.
    """

    framework: str
    spelling: str
    strings: tuple[str, ...]
    dest: str
    scope: Scope
    declaration: Union[r.Call, r.Param, r.Assign, r.Subscript]
    default: r.Expr | None = None
    required: bool = False
    switch: bool = False
    type: r.Expr | None = None
    position: int | None = None
    owner: r.FunctionDef | None = None
    action: str = ""

    @property
    def module(self) -> ModuleIndex:
        return self.scope.module

    @property
    def span(self) -> Span:
        return self.declaration.span

    @property
    def description(self) -> str:
        """What the declaration says of the value: metavar and help text, in this order."""
        if not isinstance(self.declaration, r.Call):
            return ""
        given = {argument.keyword: argument.value for argument in self.declaration.args}
        return " ".join(filter(None, (text_of(given.get(key)) for key in ("metavar", "help"))))

    @property
    def positional(self) -> bool:
        return self.position is not None


class LibraryOption(NamedTuple):
    """An output option that a class of a library declares: ``--output_dir`` of TrainingArguments."""

    spelling: str
    site: Site
    """The call of the parser that is given the class."""
    manner: Manner
    """How the library writes there."""


@dataclass
class OptionTable:
    """All options in the reach, by destination, and by the parameter that receives them."""

    options: list[Option] = field(default_factory=list)
    library_options: list[LibraryOption] = field(default_factory=list)
    by_dest: dict[str, list[Option]] = field(default_factory=dict)
    by_param: dict[tuple[str, Span, str], Option] = field(default_factory=dict)
    by_variable: dict[object, Option] = field(default_factory=dict)
    """Options that are variables, attributes or fields, by the literal that is their default."""
    by_field: dict[tuple[str, Span], Option] = field(default_factory=dict)

    def add(self, option: Option) -> None:
        self.options.append(option)
        self.by_dest.setdefault(option.dest, []).append(option)
        if option.owner is not None:
            self.by_param[(option.module.key, option.owner.span, option.dest)] = option

    def of_param(self, owner: r.FunctionDef, name: str, module: ModuleIndex) -> Option | None:
        """The option whose value the parameter ``name`` of ``owner`` receives."""
        return self.by_param.get((module.key, owner.span, name))


def is_none(value: r.Expr | None) -> bool:
    """Whether the source says ``None``."""
    return isinstance(value, r.Const) and value.value is None


def is_true(value: r.Expr | None) -> bool:
    """Whether the source says ``True``."""
    return isinstance(value, r.Const) and value.value is True


def is_false(value: r.Expr | None) -> bool:
    """Whether the source says ``False``."""
    return isinstance(value, r.Const) and value.value is False


def text_of(value: r.Expr | None) -> str | None:
    """The string that the source says, where it says one."""
    return value.value if isinstance(value, r.Const) and isinstance(value.value, str) else None


def simple_name(value: r.Expr | None) -> str | None:
    """``Path`` for ``Path`` and for ``pathlib.Path``; None for what is no name."""
    match value:
        case r.Name(name, _) | r.Attribute(_, name, _):
            return name
    return None


def is_literal_or_moved(value: r.Expr) -> bool:
    """Whether a default is a literal, or one that a rewrite has moved below the result path."""
    return isinstance(value, r.Const) or any(
        (isinstance(part, r.Const) and part.value == RESULT_VARIABLE) or is_helper_call(part)
        for part in walk(value)
    )


def is_helper_call(expr: r.Expr) -> bool:
    """Whether ``expr`` calls a function that rewrites add, which outside a job gives the path that it is given."""
    return (
        isinstance(expr, r.Call)
        and isinstance(expr.func, r.Name)
        and expr.func.id in ("result_path", "scratch_path")
        and bool(expr.args)
    )
