"""Options that parsers make of the fields of dataclasses: HfArgumentParser, tyro, simple-parsing."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.names import Definition, External, Program
from mljob_codemod.analysis.options import LibraryOption, Option, OptionTable, is_none, simple_name
from mljob_codemod.rules import Manner, call_rules
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Site


def dataclass_options(
    program: Program, site: Site, framework: str, table: OptionTable
) -> Iterator[Option]:
    """The fields of the classes that a parser is given; ``table`` takes those of TrainingArguments."""
    classes: list[r.Expr] = []
    for argument in site.call.args:
        value = argument.value
        classes += value.elements if isinstance(value, r.Sequence) else [value]
    for expr in classes:
        for entity in program.entities(expr, site.scope):
            if isinstance(entity, External):
                manner = _output_manner(entity.name)
                if manner is not None:
                    table.library_options.append(LibraryOption("--output_dir", site, manner))
            elif isinstance(entity, Definition) and isinstance(entity.node, r.ClassDef):
                own = list(_class_options(program, entity, framework, table))
                yield from own
                manners = [
                    manner
                    for klass in program.class_line(entity)
                    if isinstance(klass.node, r.ClassDef) and klass.parent is not None
                    for argument in klass.node.bases
                    for base in program.entities(argument.value, klass.parent)
                    if isinstance(base, External)
                    and (manner := _output_manner(base.name)) is not None
                ]
                if manners and all(option.dest != "output_dir" for option in own):
                    table.library_options.append(LibraryOption("--output_dir", site, manners[0]))


def _output_manner(name: str) -> Manner | None:
    """How a library writes to the ``output_dir`` that its class ``name`` takes; None for no such class."""
    rules = call_rules()
    writer = rules.find(rules.writers, function=name)
    if writer is not None and any("output_dir" in place.keywords for place in writer.arguments):
        return writer.manner
    # Classes that no rule names yet are built like those that are.
    return Manner.RANDOM if name.endswith("TrainingArguments") else None


def _class_options(
    program: Program, entity: Definition, framework: str, table: OptionTable
) -> Iterator[Option]:
    for klass in program.class_line(entity):
        if not isinstance(klass.node, r.ClassDef):
            continue
        for statement in klass.node.body:
            match statement:
                case r.Assign((r.Name(name, _),), value, annotation, _) if annotation is not None:
                    default = _field_default(value)
                    option = Option(
                        framework=framework,
                        spelling=f"--{name}",
                        strings=(f"--{name}",),
                        dest=name,
                        scope=klass,
                        declaration=statement,
                        default=None if is_none(default) else default,
                        required=default is None,
                        switch=simple_name(annotation) in ("bool", "int", "float"),
                        type=annotation,
                    )
                    table.by_field[(klass.module.key, statement.span)] = option
                    yield option


def _field_default(value: r.Expr | None) -> r.Expr | None:
    """The default of a dataclass field, out of ``field(default=…)`` where it is one."""
    if isinstance(value, r.Call) and simple_name(value.func) in ("field", "Field", "arg"):
        for argument in value.args:
            if argument.keyword == "default":
                return argument.value
        return None
    return value
