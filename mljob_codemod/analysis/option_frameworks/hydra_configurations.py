"""Options of hydra scripts: the keys of YAML files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from mljob_codemod.analysis.names import External, Program, argument_at
from mljob_codemod.analysis.options import Option, text_of
from mljob_codemod.syntax import records as r

_NULL = ("null", "Null", "NULL", "~")


def hydra_options(
    program: Program, read_text: Callable[[str, str], str | None]
) -> Iterator[Option]:
    """The keys of the file that ``@hydra.main`` names, as far as it is simple."""
    script = program.script
    for scope in script.scopes.values():
        if not isinstance(scope.node, r.FunctionDef) or scope.parent is None:
            continue
        for decorator in scope.node.decorators:
            if not isinstance(decorator, r.Call):
                continue
            names = [
                e.name
                for e in program.entities(decorator.func, scope.parent)
                if isinstance(e, External)
            ]
            if "hydra.main" not in names:
                continue
            folder = argument_at(decorator, 0, "config_path")
            name = argument_at(decorator, 1, "config_name")
            parts = [
                text_of(found.value) if found is not None else None for found in (folder, name)
            ]
            if parts[1] is None:
                continue
            file = parts[1] if parts[1].endswith((".yaml", ".yml")) else f"{parts[1]}.yaml"
            text = read_text(script.key, f"{parts[0] or '.'}/{file}")
            for key, value in yaml_scalars(text or ""):
                yield Option(
                    framework="hydra",
                    spelling=key,
                    strings=(key,),
                    dest=key.rpartition(".")[2],
                    scope=scope.parent,
                    declaration=decorator,
                    default=None if value in _NULL else r.Const(value, decorator.span),
                    switch=not value
                    or value.lower() in ("true", "false")
                    or value.replace(".", "").replace("-", "").isdigit(),
                )


def yaml_scalars(text: str) -> Iterator[tuple[str, str]]:
    """Dotted keys and plain values of simple YAML: nested mappings of scalars, nothing else."""
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = re.match(r"( *)([\w-]+):(?:\s+(.*))?$", line)
        if match is None:
            continue
        indent = len(match[1])
        while above and above[-1][0] >= indent:
            above.pop()
        value = re.sub(r"\s+#.*$", "", match[3] or "").strip()
        dotted = ".".join([*(key for _, key in above), match[2]])
        if value and value[0] not in "[{|>&*!#":
            yield dotted, value.strip("'\"")
        elif not value or value.startswith("#"):
            above.append((indent, match[2]))
