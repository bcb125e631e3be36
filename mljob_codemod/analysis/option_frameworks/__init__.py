"""The command-line options that a script declares, whatever it declares them with: a module a framework."""

from __future__ import annotations

from collections.abc import Callable

from mljob_codemod.analysis.names import Program
from mljob_codemod.analysis.option_frameworks.argparse_parsers import argparse_options
from mljob_codemod.analysis.option_frameworks.argv_items import argv_options
from mljob_codemod.analysis.option_frameworks.called_parsers import may_declare, options_of_call
from mljob_codemod.analysis.option_frameworks.click_commands import click_options
from mljob_codemod.analysis.option_frameworks.hydra_configurations import hydra_options
from mljob_codemod.analysis.option_frameworks.overridden_settings import (
    configuration_options,
    overridden_variables,
)
from mljob_codemod.analysis.option_frameworks.typer_commands import typer_commands
from mljob_codemod.analysis.options import OptionTable
from mljob_codemod.syntax import records as r


def find_options(
    program: Program, read_text: Callable[[str, str], str | None] = lambda key, path: None
) -> OptionTable:
    """Every option that the modules of ``program`` declare.

    ``read_text`` gives the text of a configuration file by the module it is named in and its path
    relative to that module's folder.
    """
    table = OptionTable()
    for option in hydra_options(program, read_text):
        table.add(option)
    for option in argparse_options(program):
        table.add(option)
    for option in (*overridden_variables(program), *configuration_options(program)):
        table.add(option)
        table.by_variable[option.default] = option
    for module in program.modules.values():
        for option in argv_options(module):
            table.add(option)
        for scope in module.scopes.values():
            if isinstance(scope.node, r.FunctionDef) and scope.parent is not None:
                for find in (click_options, typer_commands):
                    for option in find(program, scope.node, scope.parent):
                        table.add(option)
    for site in program.sites_calling(may_declare):
        if program.runs_elsewhere(site):
            continue
        for option in options_of_call(program, site, table):
            table.add(option)
            if option.owner is None and option.default is not None:
                table.by_variable[option.default] = option
    return table
