"""Parsers that are called with a function, a class or a flag: fire, tyro, HfArgumentParser, absl."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.names import Definition, External, Program
from mljob_codemod.analysis.option_frameworks.dataclass_parsers import dataclass_options
from mljob_codemod.analysis.option_frameworks.fire_components import fire_options
from mljob_codemod.analysis.option_frameworks.flags import FLAG_MODULES, flag_option, required_flags
from mljob_codemod.analysis.option_frameworks.parameters import parameter_options
from mljob_codemod.analysis.option_frameworks.typer_commands import typer_options
from mljob_codemod.analysis.options import Option, OptionTable
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Scope, Site

_DATACLASS_PARSERS = {
    "transformers.HfArgumentParser": "hf_argument_parser",
    "trl.TrlParser": "hf_argument_parser",
    "tyro.cli": "other",
    "simple_parsing.parse": "other",
    "simple_parsing.ArgumentParser.add_arguments": "other",
    "jsonargparse.CLI": "other",
    "jsonargparse.auto_cli": "other",
    "pyrallis.parse": "other",
    "draccus.parse": "other",
    "tap.tapify": "other",
}
_PARSER_NAMES = frozenset(
    {"Fire", "run", *(name.rpartition(".")[2] for name in _DATACLASS_PARSERS)}
)


def may_declare(name: str) -> bool:
    """Whether a call of this last name may declare options."""
    return name in _PARSER_NAMES or name.startswith("DEFINE_")


def options_of_call(program: Program, site: Site, table: OptionTable) -> Iterator[Option]:
    """The options of the parser that is called at ``site``; what a library declares goes into ``table``."""
    call = site.call
    for entity in program.entities(call.func, site.scope):
        if not isinstance(entity, External):
            continue
        name = entity.name
        if name == "fire.Fire":
            yield from fire_options(program, site)
        elif name in ("typer.run", "jsonargparse.CLI", "jsonargparse.auto_cli", "tyro.cli"):
            framework = "typer" if name == "typer.run" else "other"
            for function, scope in _functions(program, site):
                if framework == "typer":
                    yield from typer_options(program, function, scope)
                else:
                    yield from parameter_options(function, scope, framework)
        elif (module := name.rpartition(".DEFINE_")[0]) in FLAG_MODULES:
            option = flag_option(site, FLAG_MODULES[module], name, required_flags(program))
            if option is not None:
                yield option
        if name in _DATACLASS_PARSERS:
            yield from dataclass_options(program, site, _DATACLASS_PARSERS[name], table)


def _functions(program: Program, site: Site) -> Iterator[tuple[r.FunctionDef, Scope]]:
    for argument in site.call.args:
        for entity in program.entities(argument.value, site.scope):
            if isinstance(entity, Definition) and isinstance(entity.node, r.FunctionDef):
                yield entity.node, entity.scope
