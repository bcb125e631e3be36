"""Which library a script reads its command line with."""

from __future__ import annotations

from mljob_codemod.analysis.names import Definition, External, Program
from mljob_codemod.analysis.options import CLICK
from mljob_codemod.analysis.starts import Launch
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Scope

_BY_LAUNCH = {
    Launch.CLICK: "click",
    Launch.TYPER: "typer",
    Launch.TYPER_RUN: "typer",
    Launch.FIRE: "fire",
    Launch.HYDRA: "hydra",
    Launch.HANDS_ON: "other",
}
_BY_NAME = {
    "transformers.HfArgumentParser": "hf_argument_parser",
    "trl.TrlParser": "hf_argument_parser",
    "hydra.main": "hydra",
    "typer.Typer": "typer",
    "typer.run": "typer",
    "fire.Fire": "fire",
    "absl.app.run": "absl",
    "argparse.ArgumentParser": "argparse",
    "configargparse.ArgumentParser": "argparse",
    "configargparse.ArgParser": "argparse",
    "transformers.HfArg": "hf_argument_parser",
    "docopt.docopt": "other",
    "tyro.cli": "other",
    "simple_parsing.parse": "other",
    "simple_parsing.ArgumentParser": "other",
    "jsonargparse.CLI": "other",
    "jsonargparse.ArgumentParser": "other",
    "pyrallis.parse": "other",
    "draccus.parse": "other",
    "tap.tapify": "other",
    "optparse.OptionParser": "other",
    "getopt.getopt": "sys_argv",
}
_FLAG_MODULES = {
    "absl.flags": "absl",
    "tensorflow.app": "tf_flags",
    "tensorflow.compat.v1.app": "tf_flags",
    "tensorflow.flags": "tf_flags",
    "tensorflow.compat.v1.flags": "tf_flags",
}
_ORDER = "hydra hf_argument_parser click typer fire absl tf_flags argparse other sys_argv".split()
"""The first that is found counts: HfArgumentParser builds on argparse, fire on ``sys.argv``."""


_WORDS = {"command", "group", *(name.rpartition(".")[2] for name in _BY_NAME)}
"""The last names of the calls that are worth resolving."""


def command_line(program: Program, launch: Launch | None) -> str:
    """The ``cli`` of the JSON contract: what the script, or a parser it imports, reads options with."""
    if launch in _BY_LAUNCH:
        return _BY_LAUNCH[launch]
    script = program.script
    found = _parsers(program, script)
    if not found:
        for module in program.modules.values():
            if module is not script:
                found |= {
                    kind for kind, scope in _parser_calls(program, module) if _runs(program, scope)
                }
    if not found and "argv" in script.identifiers:
        found.add("sys_argv")
    if not found and any(_executes(program, site.scope, site.call) for site in script.sites):
        found.add("other")
    return next((kind for kind in _ORDER if kind in found), "none")


def _parsers(program: Program, module: ModuleIndex) -> set[str]:
    return {kind for kind, _ in _parser_calls(program, module)}


def _may_parse(name: str) -> bool:
    return name in _WORDS or name.startswith(("DEFINE_", "mark_flag"))


def _parser_calls(program: Program, module: ModuleIndex) -> list[tuple[str, Scope]]:
    found = []
    for site in program.sites_calling(_may_parse, (module,)):
        for entity in program.entities(site.call.func, site.scope):
            if not isinstance(entity, External) or program.runs_elsewhere(site):
                continue
            kind = _BY_NAME.get(entity.name)
            library, _, name = entity.name.partition(".")
            if kind is None and library in CLICK and name in ("command", "group"):
                kind = "click"
            for flags, framework in _FLAG_MODULES.items():
                if entity.name.startswith(f"{flags}.") and kind is None:
                    kind = framework
            if kind is not None:
                found.append((kind, site.scope))
    return found


def _runs(program: Program, scope: Scope, depth: int = 0) -> bool:
    """Whether the script itself leads to code in ``scope``, by calls of functions."""
    function = scope.function
    if function is None or scope.module is program.script:
        return True
    if depth > 4 or not isinstance(function.node, r.FunctionDef) or function.parent is None:
        return False
    return any(
        _runs(program, site.scope, depth + 1)
        for site in program.callers(Definition(function.node, function.parent))
        if site.scope.function is not function
        and not program.runs_elsewhere(site)
        and (site.scope.function is not None or site.scope.module is program.script)
    )


def _executes(program: Program, scope: Scope, call: r.Call) -> bool:
    """Whether ``call`` runs another file's text, as home-made configuration does."""
    return External("exec") in program.entities(call.func, scope)
