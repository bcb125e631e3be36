"""What the plan says of a job's results and inputs."""

from __future__ import annotations

from mljob_codemod.analysis.default_run import DefaultRun
from mljob_codemod.analysis.options import RESULT_VARIABLE, LibraryOption, Option
from mljob_codemod.analysis.path_uses import PathUse as Use
from mljob_codemod.analysis.path_uses import Role
from mljob_codemod.analysis.path_values import PathValue, Root
from mljob_codemod.analysis.results import (
    OptionResult,
    is_cache,
    may_be_result,
    normal,
)
from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.edit_builder import inside_path
from mljob_codemod.plan import OutputArgument, PathUse
from mljob_codemod.source import Source
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import NOWHERE


def output_argument(job: Job, result: OptionResult) -> OutputArgument:
    """An output option that the source declares, and how a job is given it."""
    option = result.option
    source = job.sources(option.module)
    return OutputArgument(
        option=option.spelling,
        dest=option.dest,
        path=source.shown,
        line=source.line_of(option.span),
        kind=result.kind,
        default=_default_text(option, source),
        required=option.required,
        passed=passed_arguments(result) if is_passed(option) else (),
        position=option.position,
    )


def library_argument(job: Job, option: LibraryOption) -> OutputArgument:
    """An output option that a library declares for a parser."""
    where = job.evidence(option.site.scope.module, option.site.call.span)
    dest = option.spelling.lstrip("-")
    return OutputArgument(
        option.spelling,
        dest,
        where.path,
        where.line,
        "directory",
        required=True,
        passed=(option.spelling, f"${RESULT_VARIABLE}/{dest}"),
    )


def is_passed(option: Option) -> bool:
    """Whether ``submit_job.py`` passes an output option: where the source cannot give it a default."""
    in_source = option.framework in ("argparse", "click") and not option.positional
    return option.framework == "hydra" or (option.required and not in_source)


def passed_arguments(result: OptionResult) -> tuple[str, ...]:
    """The arguments that ``submit_job.py`` passes for an output option."""
    option = result.option
    if option.framework == "hydra":
        default = option.default.value if isinstance(option.default, r.Const) else None
        name = str(default or option.dest)
        return (f"{option.spelling}=${RESULT_VARIABLE}/{inside_path(name) or normal(name)}",)
    target = f"${RESULT_VARIABLE}/{option.dest}{result.ending}"
    return (target,) if option.positional else (option.spelling, target)


def _default_text(option: Option, source: Source) -> str | None:
    """The default as it is written."""
    if option.default is None:
        return None
    if option.framework == "hydra" and isinstance(option.default, r.Const):
        return repr(option.default.value)
    return source.snippet(option.default.span)


def hardcoded_outputs(
    job: Job, uses: list[Use], run: DefaultRun, provided: frozenset[str]
) -> list[PathUse]:
    """The paths of results that the source fixes, in the calls that ``run`` makes; ``provided`` ones are no results."""
    entries: list[tuple[Use, PathValue]] = []
    folders: list[tuple[Use, PathValue]] = []
    cached: list[str] = []
    for use in uses:
        if use.role is not Role.WRITE:
            continue
        if is_cache(use):
            cached += [normal(value.text) for value in use.values if _is_fixed(value)]
            continue
        fixed = [
            value
            for value in use.values
            if _is_fixed(value) and normal(value.text) not in provided and _stands(value, use, run)
        ]
        if not fixed or any(value.root is Root.OPTION or value.components for value in use.values):
            continue
        if run.comes_to(use.site):
            (folders if use.makes_folder else entries).extend(
                (use, value) for value in _completed(fixed)
            )
    texts = [*(normal(value.text) for _, value in entries), *cached]
    for use, value in folders:
        folder = normal(value.text)
        if not any(text == folder or text.startswith(f"{folder}/") for text in texts):
            entries.append((use, value))
    unique: dict[tuple[str, int, str], PathUse] = {}
    for use, value in entries:
        entry = _path_use(job, use, value)
        unique.setdefault((entry.path, entry.line, entry.target), entry)
    return list(unique.values())


def _completed(values: list[PathValue]) -> list[PathValue]:
    """Without the beginnings of others: what a path is before more is added to it step by step."""
    return [
        value
        for value in values
        if not any(
            other.text != value.text and other.text.startswith(value.text) for other in values
        )
    ]


def _stands(value: PathValue, use: Use, run: DefaultRun) -> bool:
    """Whether the run can come to the expression that fixes the path, where that is not the call itself."""
    if value.node is None or value.scope is None or value.node.span == NOWHERE:
        return True
    call = use.site.call.span
    if value.scope.module is use.site.scope.module:
        if call.start <= value.node.span.start < call.end:
            return True
    return run.stands(value.node.span.start, value.scope) is not False


def _is_fixed(value: PathValue) -> bool:
    if value.root is Root.LITERAL:
        return may_be_result(value.text)
    return value.root in (Root.SCRIPT_FOLDER, Root.WORKING_FOLDER, Root.HOME)


def _path_use(job: Job, use: Use, value: PathValue) -> PathUse:
    source = job.sources(use.site.scope.module)
    # A call that spans lines is named by the line of its function's name.
    line = source.position(use.site.call.func.span.end - 1).line
    text = normal(value.text) if value.root is Root.SCRIPT_FOLDER else value.text
    return PathUse(source.shown, line, use.name, text)
