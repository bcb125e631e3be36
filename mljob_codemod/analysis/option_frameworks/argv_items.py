"""``sys.argv`` taken by hand."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.options import Option
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex
from mljob_codemod.syntax.walking import last_name, walk


def argv_options(module: ModuleIndex) -> Iterator[Option]:
    """An option for each ``sys.argv[n]``, named after the variable that it is assigned to."""
    for item in module.argv:
        index = item.subscript.index
        if not (isinstance(index, r.Const) and isinstance(index.value, int) and index.value > 0):
            continue
        match item.statement:
            case _ if item.name is not None:
                dest = item.name.lower()
            case r.Assign((r.Name(name, _),), _, _, _):
                dest = name.lower()
            case _:
                dest = f"argument_{index.value}"
        counted = any(
            isinstance(part, (r.Name, r.Attribute)) and last_name(part) == "argv"
            for guard in item.guards
            for part in walk(guard.test)
        )
        yield Option(
            framework="sys_argv",
            spelling=dest,
            strings=(),
            dest=dest,
            scope=item.scope,
            declaration=item.subscript,
            required=not counted or any(not guard.holds for guard in item.guards),
            position=index.value - 1,
        )
