"""The command-line options that a script declares, whatever it declares them with.

argparse and its relatives, click, typer, fire, absl and TensorFlow flags, dataclasses that a parser
reads (HfArgumentParser, tyro, simple-parsing, jsonargparse), and ``sys.argv`` taken by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Union

from mljob_codemod.analysis.names import Definition, External, Program, argument_at, last_name
from mljob_codemod.edits import Span
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Scope, Site, walk

RESULT_VARIABLE = "MLRS_STAGE_RESULT_PATH"
"""The environment variable that names the folder whose files a job keeps."""
CLICK = ("click", "rich_click", "asyncclick")
_SWITCH_ACTIONS = (
    "store_true store_false store_const append_const count help version BooleanOptionalAction"
).split()
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
_FLAG_MODULES = {
    "absl.flags": "absl",
    "tensorflow.app.flags": "tf_flags",
    "tensorflow.compat.v1.flags": "tf_flags",
    "tensorflow.compat.v1.app.flags": "tf_flags",
    "tensorflow.flags": "tf_flags",
}

_PARSER_NAMES = frozenset(
    {"Fire", "run", *(name.rpartition(".")[2] for name in _DATACLASS_PARSERS)}
)


@dataclass(frozen=True, eq=False)
class Option:
    """One declared option or positional.

    ``declaration`` is the call, parameter or class field that declares it, ``default`` its default as
    written there (None: no default, or None itself). ``position`` counts the positionals.
    """

    framework: str
    spelling: str
    strings: tuple[str, ...]
    dest: str
    scope: Scope
    declaration: Union[r.Call, r.Param, r.Assign, r.Subscript]
    default: r.Expr | None = None
    required: bool = False
    switch: bool = False
    type: r.Expr | None = None
    position: int | None = None
    owner: r.FunctionDef | None = None
    action: str = ""

    @property
    def module(self) -> ModuleIndex:
        return self.scope.module

    @property
    def span(self) -> Span:
        return self.declaration.span

    @property
    def positional(self) -> bool:
        return self.position is not None


@dataclass
class OptionTable:
    """All options in the reach, by destination, and by the parameter that receives them."""

    options: list[Option] = field(default_factory=list)
    library_options: list[tuple[str, Site]] = field(default_factory=list)
    """Options that a library declares, by spelling: ``--output_dir`` of TrainingArguments."""
    by_dest: dict[str, list[Option]] = field(default_factory=dict)
    by_param: dict[tuple[str, Span, str], Option] = field(default_factory=dict)
    by_variable: dict[object, Option] = field(default_factory=dict)
    """Options that are variables, attributes or fields, by the literal that is their default."""
    by_field: dict[tuple[str, Span], Option] = field(default_factory=dict)

    def add(self, option: Option) -> None:
        self.options.append(option)
        self.by_dest.setdefault(option.dest, []).append(option)
        if option.owner is not None:
            self.by_param[(option.module.key, option.owner.span, option.dest)] = option

    def of_param(self, owner: r.FunctionDef, name: str, module: ModuleIndex) -> Option | None:
        """The option whose value the parameter ``name`` of ``owner`` receives."""
        return self.by_param.get((module.key, owner.span, name))


def find_options(
    program: Program, read_text: Callable[[str, str], str | None] = lambda key, path: None
) -> OptionTable:
    """Every option that the modules of ``program`` declare.

    ``read_text`` gives the text of a configuration file by the module it is named in and its path
    relative to that module's folder.
    """
    table = OptionTable()
    for option in _hydra_options(program, read_text):
        table.add(option)
    for option in _argparse_options(program):
        table.add(option)
    for option in (*_overridden_variables(program), *_configuration_options(program)):
        table.add(option)
        table.by_variable[option.default] = option
    for module in program.modules.values():
        for option in _argv_options(module):
            table.add(option)
        for scope in module.scopes.values():
            if isinstance(scope.node, r.FunctionDef) and scope.parent is not None:
                for option in _decorated_options(program, scope.node, scope.parent):
                    table.add(option)
    for site in program.sites():
        name = last_name(site.call.func) or ""
        if name in _PARSER_NAMES or name.startswith("DEFINE_"):
            for option in _options_of_call(program, site, table):
                table.add(option)
                if option.owner is None and option.default is not None:
                    table.by_variable[option.default] = option
    return table


# argparse


def _argparse_options(program: Program) -> Iterator[Option]:
    overrides = {
        argument.keyword: argument.value
        for site in program.sites_named("set_defaults")
        for argument in site.call.args
        if argument.keyword is not None
    }
    positions: dict[str, int] = {}
    for site in (*program.sites_named("add_argument"), *program.sites_named("add_option")):
        if not isinstance(site.call.func, r.Attribute):
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
    dest = _text(given.get("dest")) or spelling.lstrip("-").replace("-", "_")
    action = _text(given.get("action")) or _last(given.get("action")) or ""
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
        required=_is_true(given.get("required"))
        or (positional and _text(given.get("nargs")) not in ("?", "*")),
        switch=action in _SWITCH_ACTIONS or _last(given.get("type")) in ("bool", "int", "float"),
        type=given.get("type"),
        position=position,
        action=action,
    )


# click and typer


def _decorated_options(program: Program, function: r.FunctionDef, scope: Scope) -> Iterator[Option]:
    names = {param.name for param in function.params}
    position = 0
    typer_command = False
    for decorator in function.decorators:
        call = decorator if isinstance(decorator, r.Call) else None
        func = decorator if call is None else call.func
        for entity in program.entities(func, scope):
            if not isinstance(entity, External):
                continue
            library, _, kind = entity.name.partition(".")
            if call is not None and library in CLICK and kind in ("option", "argument"):
                option = _click_option(call, function, names, scope, kind, position)
                if option is not None:
                    position += option.positional
                    yield option
        if isinstance(func, r.Attribute) and func.attr in ("command", "callback"):
            made = program.producers(func.value, scope)
            typer_command |= External("typer.Typer") in made
    if typer_command:
        yield from typer_options(program, function, scope)


def _click_option(
    call: r.Call,
    function: r.FunctionDef,
    params: set[str],
    scope: Scope,
    kind: str,
    position: int,
) -> Option | None:
    strings = tuple(
        argument.value.value
        for argument in call.args
        if argument.keyword is None
        and isinstance(argument.value, r.Const)
        and isinstance(argument.value.value, str)
    )
    if not strings:
        return None
    given = {argument.keyword: argument.value for argument in call.args if argument.keyword}
    bare = [text for text in strings if text.isidentifier()]
    long = [text.partition("/")[0] for text in strings if text.startswith("--")]
    spelling = strings[0] if kind == "argument" else (long or list(strings))[0]
    dest = bare[0] if bare and kind == "option" else spelling.lstrip("-")
    dest = dest.replace("-", "_").lower()
    default = given.get("default")
    switch = _is_true(given.get("is_flag")) or _is_true(given.get("count"))
    switch = switch or any("/" in text for text in strings)
    has_default = "default" in given and not is_none(default)
    return Option(
        framework="click",
        spelling=spelling,
        strings=strings,
        dest=dest,
        scope=scope,
        declaration=call,
        default=None if is_none(default) else default,
        required=_is_true(given.get("required"))
        or (kind == "argument" and not has_default and not _is_false(given.get("required"))),
        switch=switch or _last(given.get("type")) in ("bool", "int", "float", "BOOL", "INT"),
        type=given.get("type"),
        position=position if kind == "argument" else None,
        owner=function if dest in params else None,
    )


def typer_options(program: Program, function: r.FunctionDef, scope: Scope) -> Iterator[Option]:
    """The options that typer makes of the parameters of ``function``."""
    position = 0
    for param in function.params:
        declared = _typer_declaration(program, param, scope)
        default = param.default
        kind = ""
        strings: tuple[str, ...] = ()
        if declared is not None:
            call, kind, annotated = declared
            texts = [_text(argument.value) for argument in call.args if not argument.keyword]
            strings = tuple(text for text in texts if text and text.startswith("-"))
            if not annotated:
                first = argument_at(call, 0, "default")
                default = None if first is None else first.value
        if isinstance(default, r.Other) and default.kind == "Ellipsis":
            default = None  # typer.Option(...) says «required»
        positional = kind == "Argument" or (not kind and default is None)
        long = [text for text in strings if text.startswith("--")]
        spelling = param.name if positional else "--" + param.name.replace("_", "-")
        yield Option(
            framework="typer",
            spelling=(long or [spelling])[0],
            strings=strings or (spelling,),
            dest=param.name,
            scope=scope,
            declaration=param,
            default=None if is_none(default) else default,
            required=default is None,
            switch=_last(param.annotation) in ("bool", "int", "float"),
            type=param.annotation,
            position=position if positional else None,
            owner=function,
        )
        position += positional


def _typer_declaration(
    program: Program, param: r.Param, scope: Scope
) -> tuple[r.Call, str, bool] | None:
    """The ``typer.Option(…)`` call of a parameter, its kind, and whether it is in ``Annotated``."""
    annotated = _annotated(param.annotation)
    for candidate in (param.default, *annotated):
        if isinstance(candidate, r.Call):
            for entity in program.entities(candidate.func, scope):
                if entity in (External("typer.Option"), External("typer.Argument")):
                    assert isinstance(entity, External)
                    return candidate, entity.name.partition(".")[2], candidate is not param.default
    return None


def _annotated(annotation: r.Expr | None) -> tuple[r.Expr, ...]:
    match annotation:
        case r.Subscript(value, r.Sequence(elements, _), _) if _last(value) == "Annotated":
            return elements[1:]
    return ()


# Parsers that are given a function or a class


def _options_of_call(program: Program, site: Site, table: OptionTable) -> Iterator[Option]:
    call = site.call
    for entity in program.entities(call.func, site.scope):
        if not isinstance(entity, External):
            continue
        name = entity.name
        if name == "fire.Fire":
            yield from _fire_options(program, site)
        elif name in ("typer.run", "jsonargparse.CLI", "jsonargparse.auto_cli", "tyro.cli"):
            framework = "typer" if name == "typer.run" else "other"
            for function, scope in _functions(program, site):
                if framework == "typer":
                    yield from typer_options(program, function, scope)
                else:
                    yield from _parameter_options(function, scope, framework)
        elif (module := name.rpartition(".DEFINE_")[0]) in _FLAG_MODULES:
            option = _flag(site, _FLAG_MODULES[module], name, _required_flags(program))
            if option is not None:
                yield option
        if name in _DATACLASS_PARSERS:
            yield from _dataclass_options(program, site, _DATACLASS_PARSERS[name], table)


def _functions(program: Program, site: Site) -> Iterator[tuple[r.FunctionDef, Scope]]:
    for argument in site.call.args:
        for entity in program.entities(argument.value, site.scope):
            if isinstance(entity, Definition) and isinstance(entity.node, r.FunctionDef):
                yield entity.node, entity.scope


def _fire_options(program: Program, site: Site) -> Iterator[Option]:
    candidates: list[Definition] = []
    values = [
        argument.value for argument in site.call.args if argument.keyword in (None, "component")
    ]
    for value in values:
        parts: Iterable[r.Expr] = (value,)
        if isinstance(value, r.Mapping):
            parts = [item for _, item in value.items]
        for part in parts:
            candidates += [
                entity
                for entity in program.entities(part, site.scope)
                if isinstance(entity, Definition)
            ]
    if not values:
        for bindings in site.scope.module.scope.bindings.values():
            candidates += [
                Definition(binding.value, binding.scope)
                for binding in bindings
                if isinstance(binding.value, r.FunctionDef)
            ]
    for candidate in candidates:
        if isinstance(candidate.node, r.FunctionDef):
            yield from _parameter_options(candidate.node, candidate.scope, "fire")
            yield from _attributes_set_from(program, candidate.node, candidate.scope)
        else:
            inner = candidate.scope.module.scope_of(candidate.node)
            for bindings in inner.bindings.values():
                for binding in bindings:
                    if isinstance(binding.value, r.FunctionDef):
                        yield from _parameter_options(binding.value, inner, "fire")


def _parameter_options(function: r.FunctionDef, scope: Scope, framework: str) -> Iterator[Option]:
    for param in function.params:
        if param.kind in ("*", "**") or param.name in ("self", "cls"):
            continue
        yield Option(
            framework=framework,
            spelling=f"--{param.name}",
            strings=(f"--{param.name}",),
            dest=param.name,
            scope=scope,
            declaration=param,
            default=None if is_none(param.default) else param.default,
            required=param.default is None,
            switch=_last(param.annotation) in ("bool", "int", "float"),
            type=param.annotation,
            owner=function,
        )


def _required_flags(program: Program) -> set[str]:
    """The names that ``mark_flag_as_required`` and ``mark_flags_as_required`` are given."""
    return {
        part.value
        for name in ("mark_flag_as_required", "mark_flags_as_required")
        for site in program.sites_named(name)
        for argument in site.call.args
        for part in walk(argument.value)
        if isinstance(part, r.Const) and isinstance(part.value, str)
    }


def _flag(site: Site, framework: str, name: str, required: set[str]) -> Option | None:
    first = argument_at(site.call, 0, "name")
    dest = None if first is None else _text(first.value)
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


def _dataclass_options(
    program: Program, site: Site, framework: str, table: OptionTable
) -> Iterator[Option]:
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
                        switch=_last(annotation) in ("bool", "int", "float"),
                        type=annotation,
                    )
                    table.by_field[(klass.module.key, statement.span)] = option
                    yield option


def _field_default(value: r.Expr | None) -> r.Expr | None:
    """The default of a dataclass field, out of ``field(default=…)`` where it is one."""
    if isinstance(value, r.Call) and _last(value.func) in ("field", "Field", "arg"):
        for argument in value.args:
            if argument.keyword == "default":
                return argument.value
        return None
    return value


# Configurations that are overridden by name

_CONFIGURATIONS = frozenset({"CfgNode", "CN", "ConfigDict"})
_MERGING = {"merge_from_args": "--", "merge_from_list": ""}
"""How a key of a configuration is spelled as an argument, by the method that merges arguments."""


def _configuration_options(program: Program) -> Iterator[Option]:
    """Keys of a yacs-like configuration that takes its values from the command line."""
    prefixes = [prefix for name, prefix in _MERGING.items() if program.sites_named(name)]
    if not prefixes:
        return
    for module in program.modules.values():
        for attr, assignments in module.attributes.items():
            for assigned in assignments:
                value = assigned.value
                if not _is_literal_or_moved(value) or (
                    isinstance(value, r.Const) and not isinstance(value.value, str)
                ):
                    continue
                made = program.producers(assigned.receiver, assigned.scope)
                names = {_made_name(entity) for entity in made}
                if not names & _CONFIGURATIONS:
                    continue
                sections = [*_attribute_chain(assigned.receiver)[1:], attr]
                spelling = prefixes[0] + ".".join(sections)
                yield Option(
                    framework="other",
                    spelling=spelling,
                    strings=(spelling,),
                    dest=attr,
                    scope=assigned.scope,
                    declaration=r.Assign((assigned.receiver,), value, None, value.span),
                    default=value,
                )


def _is_literal_or_moved(value: r.Expr) -> bool:
    """Whether a default is a literal, or one that a rewrite has moved below the result path."""
    return isinstance(value, r.Const) or any(
        (isinstance(part, r.Const) and part.value == RESULT_VARIABLE)
        or (isinstance(part, r.Name) and part.id in ("result_path", "scratch_path"))
        for part in walk(value)
    )


def _made_name(entity: object) -> str:
    if isinstance(entity, External):
        return entity.name.rpartition(".")[2]
    return entity.node.name if isinstance(entity, Definition) else ""


def _attribute_chain(expr: r.Expr) -> list[str]:
    match expr:
        case r.Attribute(value, attr, _):
            return [*_attribute_chain(value), attr]
        case r.Name(name, _):
            return [name]
    return []


def _attributes_set_from(
    program: Program, function: r.FunctionDef, scope: Scope
) -> Iterator[Option]:
    """Class attributes that ``**kwargs`` of a fire function set by ``setattr(config, name, value)``."""
    if not any(param.kind == "**" for param in function.params):
        return
    for site in program.sites_named("setattr"):
        if not site.call.args:
            continue
        for owner in program.instance_of(site.call.args[0].value, site.scope):
            for klass in program.class_line(owner):
                for name, bindings in klass.bindings.items():
                    value = bindings[0].value
                    if isinstance(value, (r.Const, r.Call)) and _is_literal_or_moved(value):
                        yield Option(
                            framework="fire",
                            spelling=f"--{name}",
                            strings=(f"--{name}",),
                            dest=name,
                            scope=klass,
                            declaration=r.Assign(
                                (r.Name(name, value.span),), value, None, value.span
                            ),
                            default=None if is_none(value) else value,
                            switch=isinstance(value, r.Const)
                            and not isinstance(value.value, (str, type(None))),
                        )


# Hydra: the options are the keys of YAML files


def _hydra_options(
    program: Program, read_text: Callable[[str, str], str | None]
) -> Iterator[Option]:
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
            parts = [_text(found.value) if found is not None else None for found in (folder, name)]
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
                    default=r.Const(value, decorator.span),
                    switch=not value
                    or value.lower() in ("true", "false", "null", "~")
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


# Variables that a configurator overrides


def _overridden_variables(program: Program) -> Iterator[Option]:
    """``exec(open("configurator.py").read())`` makes each variable above it the option ``--name``."""
    for site in program.sites_named("exec"):
        module = site.scope.module
        if site.scope is not module.scope or module is not program.script:
            continue
        if not any(
            isinstance(part, r.Call) and last_name(part.func) == "open" for part in walk(site.call)
        ):
            continue
        for statement in module.body:
            if statement.span.start > site.call.span.start:
                break
            match statement:
                case r.Assign((r.Name(name, _),), (r.Const() | r.Call()) as value, _, _):
                    if not _is_literal_or_moved(value):
                        continue
                    yield Option(
                        framework="other",
                        spelling=f"--{name}",
                        strings=(f"--{name}",),
                        dest=name,
                        scope=module.scope,
                        declaration=statement,
                        default=None if is_none(value) else value,
                        switch=isinstance(value, r.Const) and not isinstance(value.value, str),
                    )


# sys.argv by hand


def _argv_options(module: ModuleIndex) -> Iterator[Option]:
    for item in module.argv:
        index = item.subscript.index
        if not (isinstance(index, r.Const) and isinstance(index.value, int) and index.value > 0):
            continue
        match item.statement:
            case _ if item.name is not None:
                dest = item.name.lower()
            case r.Assign((r.Name(name, _),), _, _, _):
                dest = name.lower()
            case _:
                dest = f"argument_{index.value}"
        counted = any(
            isinstance(part, (r.Name, r.Attribute)) and last_name(part) == "argv"
            for guard in item.guards
            for part in walk(guard.test)
        )
        yield Option(
            framework="sys_argv",
            spelling=dest,
            strings=(),
            dest=dest,
            scope=item.scope,
            declaration=item.subscript,
            required=not counted or any(not guard.holds for guard in item.guards),
            position=index.value - 1,
        )


# Small questions about expressions


def is_none(value: r.Expr | None) -> bool:
    """Whether the source says ``None``."""
    return isinstance(value, r.Const) and value.value is None


def _is_true(value: r.Expr | None) -> bool:
    return isinstance(value, r.Const) and value.value is True


def _is_false(value: r.Expr | None) -> bool:
    return isinstance(value, r.Const) and value.value is False


def _text(value: r.Expr | None) -> str | None:
    return value.value if isinstance(value, r.Const) and isinstance(value.value, str) else None


def _last(value: r.Expr | None) -> str | None:
    match value:
        case r.Name(name, _) | r.Attribute(_, name, _):
            return name
    return None
