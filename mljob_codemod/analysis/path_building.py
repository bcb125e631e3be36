"""Paths that are put together: joined by separators, or built of texts that follow each other."""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from mljob_codemod.analysis.names import argument_at
from mljob_codemod.analysis.options import Option
from mljob_codemod.analysis.path_values import (
    UNKNOWN,
    PathValue,
    Root,
    root_of_text,
)
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Scope
from mljob_codemod.syntax.walking import last_name


class PathBuilder:
    """Puts paths together of what ``values`` says of their parts."""

    def __init__(self, values: Callable[[r.Expr, Scope, int], tuple[PathValue, ...]]) -> None:
        self._values = values

    def joined(
        self,
        first: r.Expr,
        rest: tuple[r.Expr, ...],
        via: r.Call | None,
        scope: Scope,
        depth: int,
        *,
        is_path: bool,
    ) -> Iterator[PathValue]:
        """``first`` and ``rest`` joined by separators, by ``os.path.join`` or ``/``."""
        tail = ""
        options: list[Option] = []
        components: list[Option] = []
        prefixes: list[Option] = []
        for part in rest:
            values = self._values(part, scope, depth)
            text = _common([value.text for value in values], part)
            tail += "/" + text.strip("/")
            for value in values:
                if value.option is not None:
                    options.append(value.option)
                    if not value.prefix:
                        components.append(value.option)
                    elif part is rest[0]:
                        prefixes.append(value.option)
        starts = self._values(first, scope, depth)
        for start in starts:
            moved = start
            if start.node is first and via is not None:
                moved = replace(start, via=via)
            if start.root in (Root.SCRIPT_FOLDER, Root.WORKING_FOLDER, Root.HOME) and rest:
                # The folder itself serves many uses; what is written lies at this join.
                if start.text in ("__file__", ".", "~") or start.node is None or not start.built:
                    moved = replace(start, node=first, scope=scope, built=True)
            text = f"{moved.text.rstrip('/') or '/'}{tail}" if moved.text else tail.lstrip("/")
            if moved.root is Root.OPTION:
                text = f"{moved.text}{tail}"
            elif moved.root is Root.UNKNOWN:
                moved = replace(
                    moved, reason="joined"
                )  # a path, of which no name is made further on
            yield replace(
                moved,
                text=text,
                is_path=moved.is_path or is_path,
                components=(*moved.components, *components),
                prefixes=(*moved.prefixes, *(() if start.text else prefixes)),
                has_parts=moved.has_parts or bool(options),
            )
        if not starts:
            yield replace(UNKNOWN, reason="joined")

    def built(
        self, expr: r.Expr, parts: tuple[r.Expr, ...], scope: Scope, depth: int
    ) -> Iterator[PathValue]:
        """Parts set one after the other: f-string, ``+``, ``%``, ``format``."""
        parts = tuple(
            part for part in parts if not (isinstance(part, r.Const) and part.value == "")
        )
        if not parts:
            return
        rest, options = "", []
        for part in parts[1:]:
            if isinstance(part, r.Const):
                rest += str(part.value)
            else:
                values = self._values(part, scope, depth)
                options += [value.option for value in values if value.option is not None]
                known = [value.text for value in values if value.root is Root.LITERAL]
                rest += _common(known, part)
        first = parts[0]
        if isinstance(first, r.Const):
            text = f"{first.value!s}{rest}"
            root = root_of_text(text)
            if root is Root.URL and len(parts) > 1:
                # "sqlite:///" in front of a path: the file lies where the path leads.
                found = self._values(parts[1], scope, depth)
                yield from (value for value in found if value.root is Root.RESULT)
            yield PathValue(
                root, text, scope, expr, built=True, has_parts=bool(options), reason="built"
            )
            return
        for start in self._values(first, scope, depth):
            yield from self._continued(expr, start, first, rest, bool(options), scope)

    def formatted(
        self, call: r.Call, template: r.Const, scope: Scope, depth: int
    ) -> Iterator[PathValue]:
        if not isinstance(template.value, str):
            return
        parts: list[r.Expr] = []
        place = 0
        for text, field in _fields(template.value):
            if text:
                parts.append(r.Const(text, template.span))
            if field is not None:
                name = re.split(r"[.\[!:]", field)[0]
                argument = argument_at(call, int(name) if name.isdigit() else place, name or None)
                place += 1
                parts.append(
                    r.Other("Field", (), call.span) if argument is None else argument.value
                )
        yield from self.built(call, tuple(parts), scope, depth)

    def _continued(
        self,
        expr: r.Expr,
        start: PathValue,
        first: r.Expr,
        rest: str,
        has_parts: bool,
        scope: Scope,
    ) -> Iterator[PathValue]:
        folder = rest.startswith(("/", "\\")) or "/" in start.text
        if start.root is Root.LITERAL and not start.text and rest.startswith("<"):
            yield replace(UNKNOWN, text=rest, reason="joined")
        elif start.root is Root.LITERAL:
            text = f"{start.text}{rest}"
            if folder:
                yield replace(start, text=text, has_parts=start.has_parts or has_parts)
            else:
                yield PathValue(
                    Root.LITERAL, text, scope, expr, built=True, has_parts=has_parts, reason="built"
                )
        elif start.root is Root.OPTION:
            prefix = start.prefix or (bool(rest) and not folder)
            yield replace(
                start,
                text=f"{start.text}{rest}",
                prefix=prefix,
                node=expr if prefix else start.node,
                scope=scope if prefix else start.scope,
                has_parts=start.has_parts or has_parts,
            )
        elif start.root is Root.UNKNOWN and start.reason in ("call", "element", "name"):
            if re.search(r"\w", rest) and not rest.startswith("/"):
                text = f"{_placeholder(first)}{rest}"
                yield PathValue(
                    Root.LITERAL, text, scope, expr, built=True, has_parts=has_parts, reason="built"
                )
            else:
                yield replace(start, text=f"{start.text}{rest}")
        else:
            yield replace(start, text=f"{start.text}{rest}", has_parts=start.has_parts or has_parts)


def operands(expr: r.Expr) -> Iterator[r.Expr]:
    """The operands of a chain of ``+``, from left to right."""
    if isinstance(expr, r.Binary) and expr.op == "Add":
        yield from operands(expr.left)
        yield expr.right
    else:
        yield expr


def filled(template: r.Const, values: r.Expr) -> Iterator[r.Expr]:
    """The parts of ``template % values``: its text, and the values that take the places between."""
    given = list(values.elements if isinstance(values, r.Sequence) else [values])
    for part in re.split(r"(%(?:\(\w+\))?[-+ #0-9.*]*[a-zA-Z])", str(template.value)):
        if not part.startswith("%") or len(part) == 1:
            yield r.Const(part.replace("%%", "%"), template.span)
        elif "(" not in part and given:
            yield given.pop(0)
        else:
            yield r.Other("Field", (), template.span)


def _fields(template: str) -> Iterator[tuple[str, str | None]]:
    """Text and field of each part of a ``str.format`` template; wrong ones end the iteration."""
    import string

    try:
        for text, field, _, _ in string.Formatter().parse(template):
            yield text, field
    except ValueError:
        return


def _common(texts: list[str], part: r.Expr) -> str:
    """What all of ``texts`` begin and end with, and a name for what is between."""
    if not texts or len(set(texts)) == 1:
        return texts[0] if texts else _placeholder(part)
    common = os.path.commonprefix  # by characters: these are no whole paths
    start = common(texts)
    end = common([text[len(start) :][::-1] for text in texts])[::-1]
    return f"{start}{_placeholder(part)}{end}"


def _placeholder(expr: r.Expr) -> str:
    name = last_name(expr.func if isinstance(expr, r.Call) else expr)
    return f"<{name}>" if name else "<value>"
