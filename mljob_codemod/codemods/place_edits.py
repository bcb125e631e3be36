"""Edits that move paths which are fixed in the source."""

from __future__ import annotations

import re

from mljob_codemod.analysis.options import RESULT_VARIABLE
from mljob_codemod.analysis.path_values import Root
from mljob_codemod.analysis.results import (
    Place,
    normal,
)
from mljob_codemod.codemods.base import ModuleEdit
from mljob_codemod.codemods.edit_builder import folder_argument, inside_path, repr_text
from mljob_codemod.codemods.inserted import (
    IN_JOB,
    RESULT_OR_EMPTY,
)
from mljob_codemod.codemods.output_style import OutputStyle
from mljob_codemod.edits import (
    ORIGINAL,
)
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import NOWHERE, ModuleIndex, Scope

_ABSOLUTE = (Root.SCRIPT_FOLDER, Root.WORKING_FOLDER, Root.HOME)


class PlaceEdits:
    """Moves expressions that decide where results lie."""

    def __init__(self, style: OutputStyle) -> None:
        self._style = style

    def move(self, place: Place) -> tuple[ModuleEdit, ...]:
        """Edits that move ``place``; empty when it stands where no expression can."""
        value, node = place.value, place.node
        if node.span == NOWHERE or self._style.in_string(place.module, node):
            return ()
        scratch = place in self._style.results.scratch
        use = place.uses[0].use
        if use.argument is None:
            return self._argument_edits(place, scratch)
        folder = self._style.results.folders.get(place, "")
        if value.root in _ABSOLUTE and node is value.node:
            if folder and folder not in (".", "~"):
                return ()
            return self.move_base(node, place.scope, scratch)
        exact = ""
        if value.root in _ABSOLUTE:
            exact = self._exact_text(place)
            if not exact:
                return ()
        if value.root is Root.ENVIRONMENT:
            return self._variable_edits(place, scratch)
        if value.reason.endswith(":///"):
            return self.move_url(place.module, place.node, value.reason)
        return self.move_expression(
            place.module,
            node,
            self._style.own_text(node, place.scope) or value.text,
            exact=exact,
            scratch=scratch,
            folder=folder,
            via=value.via,
            is_path=self._style.is_path(node, place.scope),
        )

    def move_expression(
        self,
        module: ModuleIndex,
        node: r.Expr,
        text: str,
        *,
        scratch: bool,
        exact: str = "",
        folder: str = "",
        via: r.Call | None = None,
        is_path: bool = False,
        fallback: str = "results",
        taken: frozenset[str] = frozenset(),
    ) -> tuple[ModuleEdit, ...]:
        """Edits that move the path expression ``node``, known to be ``text``, below the result path.

        Where it is absolute whatever its text, ``exact`` is what of it is kept.
        """
        helper = "scratch_path" if scratch else "result_path"
        if (scratch or folder) and not self._style.is_free(helper, module.key):
            return ()
        is_bytes = isinstance(node, r.Const) and isinstance(node.value, bytes)
        original = f"os.fsdecode({ORIGINAL})" if is_bytes else ORIGINAL
        inside = exact or inside_path(text, fallback)
        if inside in taken:
            inside = f"{fallback}/{inside}"
        below = ""
        edits = self._style.builder(module)
        if inside is not None:
            known = bool(exact) or isinstance(node, r.Const)
            known = known or (isinstance(node, r.Joined) and "<" not in inside)
            rest = f'{f"str({ORIGINAL})" if is_path else ORIGINAL}.lstrip("./~")'
            kept = inside_path(folder) or folder
            moved = edits.below_result(repr_text(inside) if known else rest, kept, scratch=scratch)
            # Joining would leave it where it is: absolute, ``~``, ``..``.
            template = f"{moved} if {IN_JOB} else {ORIGINAL}"
        elif scratch:
            edits.scratch()
            template = f"scratch_path({original}{folder_argument(folder)})"
        elif module.key in self._style.helpers:
            edits.helper(self._style.helpers[module.key])
            template = f"result_path({original}{folder_argument(folder)})"
        elif via is not None and not is_bytes:
            edits.argument(via, RESULT_OR_EMPTY, first=True)
            return edits.done()
        elif is_path:
            template, below = RESULT_OR_EMPTY, f" / {ORIGINAL}"
        else:
            template = f"os.path.join({RESULT_OR_EMPTY}, {original})"
        if is_path:
            path_class = self._style.path_class(module)
            if path_class is None:
                return ()
            template = f"{path_class}({template}){below}"
        if is_bytes:
            template = f"os.fsencode({template})"
        edits.replace(node.span, template)
        return edits.done()

    def _exact_text(self, place: Place) -> str:
        """The one path, relative to the folder that it begins with, that ``place`` is; empty where it may be others."""
        texts = {normal(use.value.text) for use in place.uses}
        text = texts.pop()
        if texts or not re.search(r"\w", text) or re.search(r"[<*?\[]", text):
            return ""
        return inside_path(text) or text

    def move_base(self, node: r.Expr, scope: Scope, scratch: bool) -> tuple[ModuleEdit, ...]:
        """Put the result path in the place of the folder of the script, the user or the process."""
        module = scope.module
        if isinstance(node, r.Name) and node.id == "__file__":
            return ()  # what is made of it further on (its parent) would be made of the result path
        edits = self._style.builder(module)
        base = f'os.environ.get("{RESULT_VARIABLE}", {ORIGINAL})'
        if scratch:
            edits.scratch()
            base = f'scratch_path("") if {IN_JOB} else {ORIGINAL}'
        if self._style.is_path(node, scope):
            path_class = self._style.path_class(module)
            if path_class is None:
                return ()
            base = f"{path_class}({base})"
        edits.replace(node.span, base)
        return edits.done()

    def _variable_edits(self, place: Place, scratch: bool) -> tuple[ModuleEdit, ...]:
        """Prefer the result path to another platform's variable; several variables get a folder each."""
        variables = {
            other.value.reason
            for other in self._style.results.places
            if other.value.root is Root.ENVIRONMENT
        }
        edits = self._style.builder(place.module)
        name = place.value.reason.partition("_")[2].lower() if len(variables) > 1 else ""
        if scratch:
            edits.scratch()
            template = f"scratch_path({repr_text(name)}{folder_argument(name)}) if {IN_JOB} else {ORIGINAL}"
        elif name:
            edits.helper("result_path_in_folder")
            made = any(use.use.makes_folder for use in place.uses)
            folder = "" if made else folder_argument(name)
            template = f"result_path({repr_text(name)}{folder}) if {IN_JOB} else {ORIGINAL}"
        else:
            template = f'os.environ.get("{RESULT_VARIABLE}") or {ORIGINAL}'
        edits.replace(place.node.span, template)
        return edits.done()

    def move_url(self, module: ModuleIndex, node: r.Expr, prefix: str) -> tuple[ModuleEdit, ...]:
        """Edits that move the file behind ``prefix``, that of a database, into the scratch folder."""
        if not isinstance(node, r.Const) or not isinstance(node.value, str):
            return ()
        rest = node.value[len(prefix) :]
        if not rest or rest.startswith(":"):
            return ()
        inside = inside_path(rest) or rest
        template = f'"{prefix}" + scratch_path({repr_text(inside)}) if {IN_JOB} else {ORIGINAL}'
        edits = self._style.builder(module)
        edits.scratch()
        edits.replace(node.span, template)
        return edits.done()

    def _argument_edits(self, place: Place, scratch: bool) -> tuple[ModuleEdit, ...]:
        """Give the call, inside a job only, the path that it would take by default."""
        use = place.uses[0].use
        keywords = use.rule.arguments[0].keywords
        if not keywords or use.rule.default is None:
            return ()
        text = repr_text(use.rule.default)
        edits = self._style.builder(place.module)
        moved = edits.below_result(text, scratch=scratch)
        given = next((a for a in use.site.call.args if a.keyword in keywords), None)
        if given is not None:
            return ()
        extra = f'**({{"{keywords[0]}": {moved}}} if {IN_JOB} else {{}})'
        edits.argument(use.site.call, extra)
        return edits.done()
