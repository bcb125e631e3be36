"""Flags of absl and TensorFlow."""

from __future__ import annotations

from mljob_codemod.analysis.names import Program, argument_at
from mljob_codemod.analysis.options import Option, is_none, text_of
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Site
from mljob_codemod.syntax.walking import walk

FLAG_MODULES = {
    "absl.flags": "absl",
    "tensorflow.app.flags": "tf_flags",
    "tensorflow.compat.v1.flags": "tf_flags",
    "tensorflow.compat.v1.app.flags": "tf_flags",
    "tensorflow.flags": "tf_flags",
}


def required_flags(program: Program) -> set[str]:
    """The names that ``mark_flag_as_required`` and ``mark_flags_as_required`` are given."""
    return {
        part.value
        for name in ("mark_flag_as_required", "mark_flags_as_required")
        for site in program.sites_named(name)
        for argument in site.call.args
        for part in walk(argument.value)
        if isinstance(part, r.Const) and isinstance(part.value, str)
    }


def flag_option(site: Site, framework: str, name: str, required: set[str]) -> Option | None:
    """The flag that a ``DEFINE_…`` call declares."""
    first = argument_at(site.call, 0, "name")
    dest = None if first is None else text_of(first.value)
    if dest is None:
        return None
    default = argument_at(site.call, 1, "default")
    value = None if default is None else default.value
    return Option(
        framework=framework,
        spelling=f"--{dest}",
        strings=(f"--{dest}",),
        dest=dest,
        scope=site.scope,
        declaration=site.call,
        default=None if is_none(value) else value,
        required=dest in required,
        switch=name.rpartition("DEFINE_")[2] not in ("string", "list", "multi_string", "enum"),
    )
