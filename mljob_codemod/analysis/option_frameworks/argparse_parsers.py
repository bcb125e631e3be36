"""Options of argparse and of what is called like it: optparse, configargparse, a group, a subparser."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.names import Program
from mljob_codemod.analysis.options import Option, is_none, is_true, simple_name, text_of
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Site

_SWITCH_ACTIONS = (
    "store_true store_false store_const append_const count help version BooleanOptionalAction"
).split()

_DECLARING = ("add_argument", "add_option")
_PARSERS = ("ArgumentParser", "OptionParser", "add_argument_group")


def argparse_options(program: Program) -> Iterator[Option]:
    """What ``add_argument`` and ``add_option`` declare; ``set_defaults`` counts for every parser."""
    overrides = {
        argument.keyword: argument.value
        for site in program.sites_named("set_defaults")
        if not program.runs_elsewhere(site)
        for argument in site.call.args
        if argument.keyword is not None
    }
    positions: dict[str, int] = {}
    for site in _declaring_sites(program):
        if program.runs_elsewhere(site):
            continue
        strings = tuple(
            argument.value.value
            for argument in site.call.args
            if argument.keyword is None
            and isinstance(argument.value, r.Const)
            and isinstance(argument.value.value, str)
        )
        if not strings:
            continue
        yield _argparse_option(site, strings, overrides, positions)


def _declaring_sites(program: Program) -> Iterator[Site]:
    """The calls of ``parser.add_argument``, and of a variable that stands for it: ``arg("--epochs")``."""
    for method in _DECLARING:
        for site in program.sites_named(method):
            if isinstance(site.call.func, r.Attribute):
                yield site
    for module in dict.fromkeys(
        site.scope.module for kind in _PARSERS for site in program.sites_named(kind)
    ):
        for scope in (module.scope, *module.scopes.values()):
            for name, bindings in scope.bindings.items():
                if any(_is_method(binding.value) for binding in bindings):
                    yield from (
                        site for site in module.sites_by_name.get(name, ()) if site.scope is scope
                    )


def _is_method(value: object) -> bool:
    return isinstance(value, r.Attribute) and value.attr in _DECLARING


def _argparse_option(
    site: Site,
    strings: tuple[str, ...],
    overrides: dict[str, r.Expr],
    positions: dict[str, int],
) -> Option:
    given = {argument.keyword: argument.value for argument in site.call.args if argument.keyword}
    long = [text for text in strings if text.startswith("--")]
    spelling = (long or list(strings))[0]
    positional = not strings[0].startswith("-")
    dest = text_of(given.get("dest")) or spelling.lstrip("-").replace("-", "_")
    action = text_of(given.get("action")) or simple_name(given.get("action")) or ""
    default = overrides.get(dest, given.get("default"))
    position = None
    if positional:
        # Positionals count within their own parser: one that is told apart by its name will do.
        receiver = site.call.func.value if isinstance(site.call.func, r.Attribute) else None
        parser = receiver.id if isinstance(receiver, r.Name) else ""
        position = positions.get(parser, 0)
        positions[parser] = position + 1
    return Option(
        framework="argparse",
        spelling=spelling,
        strings=strings,
        dest=dest,
        scope=site.scope,
        declaration=site.call,
        default=None if is_none(default) else default,
        required=is_true(given.get("required"))
        or (positional and text_of(given.get("nargs")) not in ("?", "*")),
        switch=action in _SWITCH_ACTIONS
        or simple_name(given.get("type")) in ("bool", "int", "float"),
        type=given.get("type"),
        position=position,
        action=action,
    )
