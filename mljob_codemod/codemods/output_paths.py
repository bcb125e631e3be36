"""Results: options that say where they go, and paths fixed in the source, move below the result path."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from mljob_codemod.analysis.addresses import addresses
from mljob_codemod.analysis.default_run import NO_PROBES
from mljob_codemod.analysis.inputs import RunOnData
from mljob_codemod.analysis.mentions import mentions_of_results
from mljob_codemod.analysis.options import RESULT_VARIABLE, Option
from mljob_codemod.analysis.path_uses import PathUse as Use
from mljob_codemod.analysis.path_uses import Role, UseFinder
from mljob_codemod.analysis.path_values import PathValue, Root, root_of_text
from mljob_codemod.analysis.results import (
    OptionResult,
    Place,
    ResultFinder,
    Results,
    normal,
)
from mljob_codemod.codemods.base import Job, ModuleEdit
from mljob_codemod.codemods.inserted import (
    IN_JOB,
)
from mljob_codemod.codemods.option_edits import OptionEdits
from mljob_codemod.codemods.output_plan import (
    hardcoded_outputs,
    library_argument,
    output_argument,
    passed_arguments,
)
from mljob_codemod.codemods.output_rules import (
    ALSO_INPUT,
    FIXED_PATH,
    LOG_FILE,
    NO_DEFAULT,
    OPTION_DEFAULT,
    PASSED_OPTION,
    REQUIRED_OPTION,
    UNKNOWN_PATH,
)
from mljob_codemod.codemods.output_rules import RULES as RULES
from mljob_codemod.codemods.output_style import OutputStyle
from mljob_codemod.codemods.place_edits import PlaceEdits
from mljob_codemod.edits import (
    AddImport,
    Edit,
    InsertArgument,
    Span,
)
from mljob_codemod.findings import Finding, Level, Location
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.plan import Evidence, JobPlan
from mljob_codemod.rules import call_rules
from mljob_codemod.rules.options import option_rules
from mljob_codemod.rules.services import service_rules
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import NOWHERE, ModuleIndex
from mljob_codemod.syntax.walking import last_name, walk, walk_statements


def trigger_words() -> frozenset[str]:
    """Calls that use paths or declare options."""
    return call_rules().trigger_words() | {
        "add_argument",
        "ArgumentParser",
        "option",
        "argument",
        "Option",
    }


@dataclass
class Findings:
    """What one job's paths come to; computed once for ``find`` and ``describe``."""

    results: Results
    uses: list[Use]
    run: RunOnData


def paths_of(job: Job) -> Findings:
    """The uses of paths in a job and what they come to."""
    if "output_paths" not in job.notes:
        finder = UseFinder(job.program, job.paths, call_rules())
        uses = list(finder.uses(job.reach.can_run))
        modules = [*job.program.modules.values()]
        uses += mentions_of_results(modules, uses, job.exists)
        names = option_rules()
        services = service_rules()
        addressed = cache(
            lambda: addresses(job.program, job.paths, services, call_rules().canonical)
        )
        databases = {
            value.option
            for use in uses
            if use.rule.url_prefixes
            for value in use.values
            if value.option is not None and value.option.framework == "sys_argv" and not value.text
        }
        results = ResultFinder(
            uses,
            is_output_name=lambda option: (
                names.usually_output(option.spelling) and option not in addressed()
            ),
            is_never_output=lambda option: names.never_output(option.spelling),
            exists=job.exists,
            defaults=job.paths.default_values,
            described_ending=lambda option: names.described_ending(option.description),
            read_elsewhere=lambda module, span: job.read_elsewhere(module, span) is not None,
        ).find(
            option
            for option in job.options.options
            if not job.program.is_started_elsewhere(option.scope.function)
            and not _is_settled_url(job, option)
            and not (option in databases and option in addressed())
        )
        run = RunOnData(job.program, job.options, job.reach, job.paths, NO_PROBES, gpu=True)
        job.notes["output_paths"] = Findings(results, uses, run)
    found = job.notes["output_paths"]
    assert isinstance(found, Findings)
    return found


def _is_settled_url(job: Job, option: Option) -> bool:
    """Whether the settings' arguments give a URL for an item of ``sys.argv``."""
    if option.framework != "sys_argv" or option.position is None:
        return False
    args = job.settings.job(job.path).args
    return root_of_text("".join(args[option.position : option.position + 1])) is Root.URL


def find(job: Job) -> Iterator[Finding]:
    """Findings about every result of the job, with the edits that move it."""
    found = paths_of(job)
    style = OutputStyle(job, found.results)
    places = PlaceEdits(style)
    options = OptionEdits(style, places)
    for result in found.results.options:
        yield from _option_findings(job, result, options)
    library_options = () if _expands_arguments(job) else job.options.library_options
    for spelling, site, _ in library_options:
        text = (
            f"{spelling} is required; submit_job.py passes ${RESULT_VARIABLE}/{spelling.lstrip('-')} "
            "and the script puts the path in"
        )
        module = site.scope.module
        edits = options.expansion_edits()
        yield job.finding(PASSED_OPTION, module, site.call.span, text, edits=edits)
    for place in found.results.places:
        yield _place_finding(job, place, places)
    for use in found.results.unplaced:
        if job.reach.runs_by_default(use.site):
            yield job.finding(
                UNKNOWN_PATH, use.site.scope.module, use.site.call.span, _unknown_text(use)
            )
    yield from _log_file_findings(job, found.uses)


def _unknown_text(use: Use) -> str:
    """What cannot be followed, as far as it has a name, and what to do about it."""
    text = use.values[0].text
    target = "a path" if text.startswith("<unknown>") else repr(text)
    return (
        f"{use.name} writes to {target}, and where that begins is not in the source; unless it is relative, "
        f"begin it with ${RESULT_VARIABLE} in a job: in the configuration, or where it is read"
    )


def _place_finding(job: Job, place: Place, places: PlaceEdits) -> Finding:
    first = place.writes[0] if place.writes else place.uses[0]
    span = place.node.span
    target = _shown_text(first.value)
    if place.conflict is not None:
        reader = place.conflict.use
        where = job.evidence(reader.site.scope.module, reader.site.call.span)
        message = (
            f"{target!r} is written here and also leads to an input read at {where.path}:{where.line}; "
            "give the result a path of its own"
        )
        return job.finding(ALSO_INPUT, place.module, span, message)
    if place.read_elsewhere:
        text = f"{target!r} is written here"
        return _staying_finding(job, place.module, span, text)
    edits = places.move(place)
    if place.writes:
        message = f"{first.use.name} writes {target!r}, which a job does not keep"
    else:
        message = f"{target!r} must follow the results that move"
    if not edits:
        return job.finding(FIXED_PATH, place.module, span, message, level=Level.ERROR)
    return job.finding(FIXED_PATH, place.module, span, message, edits=edits)


def _staying_finding(
    job: Job, module: ModuleIndex, span: Span, text: str, reader: Use | None = None
) -> Finding:
    """What stays where it is for the sake of another script, or of the ``reader``: only the job entry keeps it."""
    where = job.read_elsewhere(module, span)
    if reader is not None:
        read = job.evidence(reader.site.scope.module, reader.site.call.span)
        text += f", and an input is read there at {read.path}:{read.line}"
    elif where is not None:
        text += f", and another script reads an input there at {where.path}:{where.line}"
    if job.settings.net_of(job.path) is False:
        text += "; give the result a path of its own"
        return job.finding(ALSO_INPUT, module, span, text)
    return job.finding(
        ALSO_INPUT, module, span, f"{text}; the job entry keeps it", level=Level.NOTE
    )


def unmoved_reads(job: Job) -> dict[Location, Evidence]:
    """The expressions and options through which a job reads what it does not move, with the first such call."""
    found = paths_of(job)
    moved = {
        job.sources(place.module).location(place.node.span)
        for place in found.results.places
        if place.moves
    }
    for result in found.results.options:
        if result.moves:
            option = result.option
            spans = [option.span] if option.default is None else [option.span, option.default.span]
            moved.update(job.sources(option.module).location(span) for span in spans)
    read: dict[Location, Evidence] = {}
    for use in found.uses:
        if use.role is not Role.READ:
            continue
        scope = use.site.scope
        nodes = [(value.scope or scope, value.node) for value in use.values]
        nodes.append((scope, use.argument))
        places = [(each.module, node.span) for each, node in nodes if node is not None]
        places += [(value.option.module, value.option.span) for value in use.values if value.option]
        for module, span in places:
            if span != NOWHERE:
                location = job.sources(module).location(span)
                if location not in read:
                    read[location] = job.evidence(scope.module, use.site.call.span)
    return {location: call for location, call in read.items() if location not in moved}


def _names_folder(job: Job, option: Option) -> bool:
    """Whether an option's default moves, or has moved, as a whole, though it only begins the names of files."""
    if isinstance(option.default, r.Const):
        return "/" in str(option.default.value)
    return any(value.root is Root.RESULT for value in job.paths.default_values(option))


def _option_findings(job: Job, result: OptionResult, options: OptionEdits) -> Iterator[Finding]:
    option = result.option
    where = (option.module, option.span)
    if result.prefix_only and not _names_folder(job, option):
        edits = options.prefix_edits(result)
        if edits:
            text = f"{option.spelling} begins the names of results, which a job does not keep"
            yield job.finding(FIXED_PATH, *where, text, edits=edits)
        return
    if option.framework == "hydra":
        yield from _passed_findings(job, result, options)
    elif option.required:
        if option.framework in ("argparse", "click") and not option.positional:
            text = f"{option.spelling} is required; in a job it can be the result path"
            edits = options.required_edits(result)
            yield job.finding(REQUIRED_OPTION, *where, text, edits=edits)
        else:
            yield from _passed_findings(job, result, options)
    elif not result.moves:
        text = f"results go where {option.spelling} says"
        reader = None if result.conflict is None else result.conflict.use
        yield _staying_finding(job, *where, text, reader)
    elif option.default is not None:
        moved = options.default_edits(result)
        if moved is not None:
            text = f"the default of {option.spelling} lies where a job does not keep results"
            level = None if moved else Level.ERROR
            yield job.finding(OPTION_DEFAULT, *where, text, edits=moved, level=level)
    elif option.framework != "sys_argv":
        text = (
            f"{option.spelling} says where results go and has no default; "
            f"pass it as ${RESULT_VARIABLE}/… or leave it out where the script can do without"
        )
        yield job.finding(NO_DEFAULT, *where, text)


def _expands_arguments(job: Job) -> bool:
    """Whether the script, or another module as it is loaded, puts the result path into ``sys.argv`` already."""
    others = (module.body for module in job.program.modules.values() if module is not job.script)
    return any(map(_puts_result_path_in, walk_statements(job.script.body))) or any(
        _puts_result_path_in(statement) for body in others for statement in body
    )


def _puts_result_path_in(statement: r.Statement) -> bool:
    """Whether ``statement`` is ``sys.argv[:] = [arg.replace("$MLRS_STAGE_RESULT_PATH", …) for arg in sys.argv]``."""
    match statement:
        case r.Assign((r.Subscript(items, _, _),), value, _, _) if value is not None:
            return last_name(items) == "argv" and any(
                isinstance(part, r.Const) and part.value == f"${RESULT_VARIABLE}"
                for part in walk(value)
            )
    return False


def _passed_findings(job: Job, result: OptionResult, options: OptionEdits) -> Iterator[Finding]:
    if _expands_arguments(job):
        return
    option = result.option
    reason = "stands in a configuration file" if option.framework == "hydra" else "is required"
    text = (
        f"{option.spelling} {reason}; submit_job.py passes {passed_arguments(result)[-1]} "
        "and the script puts the path in"
    )
    edits = options.expansion_edits()
    yield job.finding(PASSED_OPTION, option.module, option.span, text, edits=edits)


def _log_file_findings(job: Job, uses: list[Use]) -> Iterator[Finding]:
    for use in uses:
        call = use.site.call
        if use.name == "logging.basicConfig" and use.role is Role.WRITE:
            if any(argument.keyword in ("force", None) for argument in call.args):
                continue
            module = use.site.scope.module
            edits: tuple[Edit, ...] = (
                AddImport("os"),
                InsertArgument(call.span, f"force={IN_JOB}"),
            )
            yield job.finding(
                LOG_FILE,
                module,
                call.span,
                "in a job logging is set up already, so this call does nothing and no log file is written",
                edits=tuple(ModuleEdit(module, edit) for edit in edits),
            )


def _shown_text(value: PathValue) -> str:
    text = normal(value.text) if value.root is Root.SCRIPT_FOLDER else value.text
    return text if len(text) <= 60 else text[:57] + "..."


def describe(job: Job, plan: JobPlan) -> None:
    """Fill in what the job writes and reads."""
    found = paths_of(job)
    plan.output_arguments += [output_argument(job, result) for result in found.results.options]
    plan.output_arguments += [
        library_argument(job, option) for option in job.options.library_options
    ]
    plan.hardcoded_outputs = hardcoded_outputs(job, found.uses, found.run, found.results.provided)
