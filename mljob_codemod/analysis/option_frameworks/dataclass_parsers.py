"""Options that parsers make of the fields of dataclasses: HfArgumentParser, tyro, simple-parsing."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.names import Definition, External, Program
from mljob_codemod.analysis.options import Option, OptionTable, is_none, simple_name
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
            if isinstance(entity, External) and entity.name.endswith("TrainingArguments"):
                table.library_options.append(("--output_dir", site))
            elif isinstance(entity, Definition) and isinstance(entity.node, r.ClassDef):
                own = list(_class_options(program, entity, framework, table))
                yield from own
                inherits = any(
                    isinstance(base, External) and base.name.endswith("TrainingArguments")
                    for klass in program.class_line(entity)
                    if isinstance(klass.node, r.ClassDef) and klass.parent is not None
                    for argument in klass.node.bases
                    for base in program.entities(argument.value, klass.parent)
                )
                if inherits and all(option.dest != "output_dir" for option in own):
                    table.library_options.append(("--output_dir", site))


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
