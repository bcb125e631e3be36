"""Writes ``submit_job.py``: the job plans of one folder, as a program that submits them.

The program's fixed part is ``submission_template.py.txt``, a Python file with placeholders for what is
known of the jobs, and with blocks (``#[ name`` to ``#]``) that only some jobs need. Whatever comes from
user code enters it as a string literal or, in comments, stripped to one printable line.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from mljob_codemod.config import JobSettings, Settings
from mljob_codemod.errors import InputError
from mljob_codemod.generated_text import INDENT, comment_text, comments, list_field, literal
from mljob_codemod.plan import Evidence, JobPlan, OutputArgument, RemoteFunction
from mljob_codemod.rules.payload import payload_rules

FILE_NAME = "submit_job.py"
ENTRY_NAME = "job_entry.py"

_MARKER = "# mljob-codemod submission, sha256:"
_OLDEST_CLIENT = (1, 26)
_PARALLEL_CLIENT = (1, 53)
_OWN_OPTIONS = ("--connection", "--compute-pool", "--stage", "--wait")


def render_submission(plans: Sequence[JobPlan], settings: Settings, folder: str) -> str:
    """The text of the ``submit_job.py`` in ``folder`` for jobs whose scripts lie in that folder."""
    names = [posixpath.relpath(plan.script, folder) for plan in plans]
    minimum = _PARALLEL_CLIENT if any(plan.parallel for plan in plans) else _OLDEST_CLIENT
    values = {
        "TITLE": _title(names, plans[0].remote),
        "USAGE": _usage(plans),
        "SETTINGS": "\n".join(_settings_lines(settings)),
        "NET": str(settings.net_seconds),
        "NEVER": "\n".join(f"    {literal(name)}," for name in payload_rules().not_sent),
        "ROOT": ", ".join(map(literal, payload_rules().not_sent_from_root)),
        "MINIMUM": repr(minimum),
        "NEEDED": ".".join(map(str, minimum)),
        "JOBS": "\n".join(_job_table(plans, names, settings, folder)),
        **_remote_values(plans[0].remote, settings),
    }
    # One pass: a script's name may look like a placeholder.
    blocks = _blocks(plans) | _settings_blocks(plans, settings)
    body = re.sub(r"\$([A-Z]+)\b", lambda m: values[m[1]], _template(blocks))
    return f"{_MARKER}{_digest(body)}\n{body}"


def submission_name(plan: JobPlan) -> str:
    """The file that submits a job: one for all scripts of a folder, one for each function."""
    return FILE_NAME if plan.remote is None else f"submit_{plan.remote.name}.py"


def entry_path(submission: str) -> str:
    """Where the job entry lies: beside the ``submit_job.py`` that sends it."""
    return posixpath.join(posixpath.dirname(submission), ENTRY_NAME)


def render_entry() -> str:
    """The text of ``job_entry.py``: the module of this package, marked as generated."""
    body = files("mljob_codemod").joinpath(ENTRY_NAME).read_text("utf-8")
    return f"{_MARKER}{_digest(body)}\n{body}"


def is_generated(text: str) -> bool:
    """Whether a file was once written by ``render_submission``, edited since or not."""
    return text.startswith(_MARKER)


def submission_state(text: str) -> Literal["generated", "edited", "foreign"]:
    """Whether a ``submit_job.py`` may be written anew: only while it is ``generated``."""
    if not is_generated(text):
        return "foreign"
    # Git may have checked the file out with other line ends: that is no edit.
    first, _, body = text.replace("\r\n", "\n").partition("\n")
    return "generated" if first == f"{_MARKER}{_digest(body)}" else "edited"


def scripts_of(submission: Path) -> list[str]:
    """The scripts that a generated submission offers: the keys of its table, which is never executed here."""
    import ast

    try:
        tree = ast.parse(submission.read_bytes())
    except (OSError, SyntaxError) as error:
        raise InputError(str(submission), f"cannot be read: {error}") from error
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "JOBS":
            keys = getattr(node.value, "keys", [])
            return [str(key.value) for key in keys if isinstance(key, ast.Constant)]
    raise InputError(
        str(submission), "was not written by mljob-codemod (it has no table JOBS): rename it"
    )


def kept_notice(state: Literal["edited", "foreign"], path: str) -> str:
    """Why the ``submit_job.py`` at ``path`` is not written, and what to do to have it written."""
    if state == "foreign":
        return f"{path}: was not written by mljob-codemod and is left alone; rename it to have one written"
    return f"{path}: was edited by hand and is left alone; delete it to have it written anew"


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:32]


def _blocks(plans: Sequence[JobPlan]) -> frozenset[str]:
    """The names of the template's blocks that these jobs need."""
    if plans[0].remote is not None:
        return _remote_blocks(plans[0], plans[0].remote)
    blocks = {"script", "several" if len(plans) > 1 else "single"}
    sent = [plan for plan in plans if plan.source is None]
    if len(sent) < len(plans):
        blocks |= {"from_stage", "sometimes_from_stage" if sent else "always_from_stage"}
    methods = {plan.method for plan in sent}
    nets = {plan.net.used for plan in sent}
    if "submit_directory" in methods:
        blocks.add("directory")
    if len(methods) > 1:
        blocks.add("mixed")
    files = {plan.net.used for plan in sent if plan.method == "submit_file"}
    if methods == {"submit_file"} and nets == {False}:
        blocks.add("file_only")
    elif False in files and len(methods) > 1:
        blocks.add("either_net" if True in nets else "either")
    elif False in files:
        blocks.add("file_or_net")
    if sent and "file_only" not in blocks:
        blocks.add("payload")
        blocks.add("net" if True in nets else "direct")
    if True in nets:
        blocks.add("net_sometimes" if False in nets else "net_always")
        laid_out = {plan.method for plan in sent if _sends_folder(plan)}
        blocks.add("lay_out_either" if len(laid_out) > 1 else f"lay_out_{laid_out.pop()}")
    outputs = any(plan.output_arguments for plan in plans)
    blocks.add("outputs" if outputs else "no_outputs")
    if outputs and nets != {True}:  # the job entry keeps what lands in the working directory
        blocks.add("outputs_warning")
        if True in nets:
            blocks.add("outputs_sometimes_lost")
        if any(output.passed for plan in plans for output in plan.output_arguments):
            blocks.add("outputs_placed")
    if any(_shared_options(plan) for plan in plans):
        blocks.add("shared_options")
    variables = any(plan.env_vars for plan in plans)
    blocks |= {"script_with_variables", "env_vars"} if variables else {"script_without_variables"}
    if any(plan.imports for plan in plans):
        blocks.add("imports")
    blocks.add("parallel" if any(plan.parallel for plan in plans) else "first_node")
    return frozenset(blocks)


def _remote_blocks(plan: JobPlan, function: RemoteFunction) -> frozenset[str]:
    """The same for a function."""
    blocks = {"remote", "single", "first_node"}
    blocks |= {"remote_session"} if function.session else set()
    blocks |= {"env_vars"} if plan.env_vars else set()
    return frozenset(blocks)


def _settings_blocks(plans: Sequence[JobPlan], settings: Settings) -> frozenset[str]:
    """The same for the settings."""
    own = {_settled(plan, settings).query_warehouse for plan in plans} - {settings.query_warehouse}
    blocks = {"own_warehouse" if own else "one_warehouse"}
    if settings.image is not None:
        blocks.add("runtime")
    if settings.python is not None and plans[0].remote is not None:
        blocks.add("remote_python")
    return frozenset(blocks)


def _settled(plan: JobPlan, settings: Settings) -> JobSettings:
    return settings.job(Path(plan.script))


def _sends_folder(plan: JobPlan) -> bool:
    """Whether the job gets a folder: the project's, or one made of the script and the job entry."""
    return plan.method == "submit_directory" or plan.net.used


@cache
def _template(blocks: frozenset[str]) -> str:
    source = files("mljob_codemod").joinpath("submission_template.py.txt").read_text("utf-8")
    kept: list[str] = []
    wanted = True
    for line in source.splitlines(keepends=True):
        if line.startswith("#["):
            wanted = line[2:].strip() in blocks
        elif line.startswith("#]"):
            wanted = True
        elif wanted:
            kept.append(line)
    return "".join(kept)


def _shared_options(plan: JobPlan) -> list[str]:
    """The script's options that ``submit_job.py`` has too."""
    return [option for option in _OWN_OPTIONS if option in plan.script_options]


def _title(names: Sequence[str], function: RemoteFunction | None) -> str:
    if len(names) > 1:
        return "Submit one of the scripts beside it to Snowflake as an ML Job"
    # Inside a docstring: nothing that could end it, or start an escape.
    name = re.sub(r'["\\]', "'", comment_text(names[0]))
    if function is not None:
        return f"Call {function.name} of {name} in Snowflake, as an ML Job"
    return f"Submit {name} to Snowflake as an ML Job"


def _usage(plans: Sequence[JobPlan]) -> str:
    given = "[-- ARGUMENTS ...]" if plans[0].remote is None else "[NAME=VALUE ...]"
    return f"python {submission_name(plans[0])} {'SCRIPT ' * (len(plans) > 1)}[--wait] {given}"


def _remote_values(function: RemoteFunction | None, settings: Settings) -> dict[str, str]:
    """What stands in the program of a function alone."""
    if function is None:
        return {}
    return {
        "FUNCTION": literal(function.name),
        "CALLED": function.name,
        "MODULE": literal(function.module),
        "SESSION": literal(function.session or ""),
        "PYTHON": "(" + ", ".join((settings.python or "").split(".")[:2]) + ")",
    }


def _settings_lines(settings: Settings) -> Iterator[str]:
    yield "# From [tool.mljob-codemod]. What is None there is left to the session; STAGE is needed."
    for name in ("connection", "database", "schema", "stage", "query_warehouse"):
        value = getattr(settings, name)
        yield f"{name.upper()}: str | None = {'None' if value is None else literal(value)}"
    if settings.image is not None:
        yield f"RUNTIME = {literal(settings.image)}"


def _job_table(
    plans: Sequence[JobPlan], names: Sequence[str], settings: Settings, folder: str
) -> Iterator[str]:
    mixed = len({plan.method for plan in plans}) > 1
    yield "JOBS = {"
    for plan, name in zip(plans, names, strict=True):
        yield f"    {literal(plan.remote.name if plan.remote else name)}: Job("
        if plan.remote is None:
            yield from _place(plan, folder, mixed)
        else:
            yield from _sent_modules(plan.remote, name, folder)
        settled = _settled(plan, settings)
        yield from _compute_pool(plan, settled)
        if settled.query_warehouse != settings.query_warehouse:
            yield from comments(["the setting query_warehouse of this script"])
            yield f"{INDENT}query_warehouse={literal(settled.query_warehouse or '')},"
        if settled.args and plan.remote is None:
            yield from comments(["default arguments, from the settings"])
            yield from list_field("args", settled.args)
        yield from _requirements(plan)
        yield from _integrations(plan, settings)
        yield from _instances(plan, settled)
        yield from _env_vars(plan)
        yield from _net(plan, sometimes="net_sometimes" in _blocks(plans))
        if plan.returns or plan.remote:
            yield f"{INDENT}returns_value=True,"
        if plan.remote is None:
            yield from _imports(plan, folder)
            yield from _outputs(plan.output_arguments)
            shared = _shared_options(plan)
            if shared:
                yield from list_field("shared_options", shared)
        yield "    ),"
    yield "}"


def _place(plan: JobPlan, folder: str, mixed: bool) -> Iterator[str]:
    """Which files the job gets."""
    if plan.method == "submit_directory":
        yield from comments(_folder_reasons(plan))
    yield f"{INDENT}root={_from_here(plan.root, folder)},"
    yield f"{INDENT}entrypoint={literal(plan.entrypoint)},"
    if plan.source is not None:
        yield from comments(["taken from there as it is: put it there again after each apply"])
        yield f"{INDENT}source={literal(plan.source)},"
    elif mixed and plan.method == "submit_directory":
        yield f"{INDENT}whole_folder=True,"


def _sent_modules(function: RemoteFunction, name: str, folder: str) -> Iterator[str]:
    """The modules that the job of a function gets, and what the function takes."""
    yield from comments([f"{name}:{function.line} defines it; sent with what it imports"])
    yield f"{INDENT}imports=["
    for path, module in function.imports:
        yield f"{INDENT}    ({_from_here(path, folder)}, {literal(module)}),"
    yield f"{INDENT}],"
    if function.parameters:
        yield from comments(["True where the function has no default"])
        yield f"{INDENT}parameters={{"
        for parameter, required in function.parameters:
            yield f"{INDENT}    {literal(parameter)}: {required},"
        yield f"{INDENT}}},"


def _from_here(path: str, folder: str) -> str:
    """The expression for a path, from the folder of the program."""
    expression = "HERE"
    for step in posixpath.relpath(path, folder).split("/"):
        if step == "..":
            expression += ".parent"
        elif step != ".":
            expression += f" / {literal(step)}"
    return expression


def _folder_reasons(plan: JobPlan) -> Iterator[str]:
    """Why the folder is sent; packages' own files, which come along, are named last."""
    yield "the script is sent with this folder"
    shown = sorted(plan.local_imports, key=lambda place: place.what.endswith("__init__.py"))
    yield from (f"{place.path}:{place.line} imports {place.what}" for place in shown[:3])
    if len(shown) > 3:
        yield f"and {len(shown) - 3} more"


def _compute_pool(plan: JobPlan, settled: JobSettings) -> Iterator[str]:
    compute = plan.compute
    pool = compute.compute_pool or f"SYSTEM_COMPUTE_POOL_{'GPU' if compute.gpu else 'CPU'}"
    need = {True: "a GPU is used", False: "no GPU is used", None: "not known whether a GPU is used"}
    family = f", {compute.instance_family} or the like will do" if compute.instance_family else ""
    notes = [f"{need[compute.gpu]}{family}", *map(_evidence, compute.reasons[:3])]
    if len(compute.reasons) > 3:
        notes.append(f"and {len(compute.reasons) - 3} more")
    if settled.compute_pool:
        pool = settled.compute_pool
        notes.insert(0, "the setting compute_pool")
    yield from comments(notes)
    yield f"{INDENT}compute_pool={literal(pool)},"


def _requirements(plan: JobPlan) -> Iterator[str]:
    if plan.requirements_file is not None:
        yield from comments([f"the job installs {plan.requirements_file} of its folder, too"])
    if plan.pip_requirements:
        for each in plan.installs:
            notes = [f"{each.reason.path}:{each.reason.line} {each.reason.what}"]
            notes += [f"{each.pinned_by} pins it"] if each.pinned_by else []
            yield from comments(notes)
        yield from list_field("pip_requirements", plan.pip_requirements)


def _integrations(plan: JobPlan, settings: Settings) -> Iterator[str]:
    """The integrations the job needs; services that have none yet are named in a comment."""
    reasons: dict[str, str] = {}
    if plan.needs_index:
        lines = "pip_requirements" if plan.pip_requirements else "requirements.txt"
        reasons["pip_install"] = f"for {lines}"
    for service in plan.services:
        reasons.setdefault(service.service, f"{service.path}:{service.line}")
    if not reasons:
        return
    integrations: dict[str, None] = {}
    notes: list[str] = []
    for service_name, reason in reasons.items():
        integration = settings.integrations.get(service_name)
        if integration is None:
            notes.append(f"no integration is set yet for {service_name} ({reason})")
        else:
            integrations[integration] = None
            notes.append(f"{service_name} ({reason}) by {integration}")
    yield from comments(notes)
    yield from list_field("external_access_integrations", list(integrations))


def _instances(plan: JobPlan, settled: JobSettings) -> Iterator[str]:
    nodes = settled.target_instances or plan.compute.nodes
    if nodes > 1:
        origin = (
            "the setting target_instances" if settled.target_instances else "found in the script"
        )
        yield from comments([f"nodes: {origin}"])
        yield f"{INDENT}target_instances={nodes},"
        if settled.min_instances is not None:
            yield from comments(["the job starts when this many nodes are up"])
            yield f"{INDENT}min_instances={settled.min_instances},"
    if plan.parallel and plan.distribution is not None:
        yield from comments(["every node starts the script, which is written for that:"])
        yield from comments(map(_evidence, plan.distribution.reasons[:1]))
        yield f"{INDENT}parallel=True,"


def _env_vars(plan: JobPlan) -> Iterator[str]:
    """The variables that the settings give, each with the place that reads it."""
    if not plan.env_vars:
        return
    yield from comments(["the setting env_vars"])
    yield f"{INDENT}env_vars={{"
    for variable in plan.env_vars:
        if variable.read is not None:
            yield from comments([_evidence(variable.read)], INDENT + "    ")
        yield f"{INDENT}    {literal(variable.name)}: {literal(variable.value)},"
    yield f"{INDENT}}},"


def _imports(plan: JobPlan, folder: str) -> Iterator[str]:
    """Local modules that lie outside the folder that is sent."""
    if not plan.imports:
        return
    yield from comments(["imported from outside the folder that is sent"])
    yield f"{INDENT}imports=["
    for module in plan.imports:
        yield f"{INDENT}    ({_from_here(module.path, folder)}, {literal(module.name)}),"
    yield f"{INDENT}],"


def _net(plan: JobPlan, sometimes: bool) -> Iterator[str]:
    """Whether the job entry starts the script, and which files need that."""
    if plan.net.used:
        yield from comments(
            ["job_entry.py starts it and keeps what no rewrite can, for these lines"]
        )
        if sometimes:
            yield f"{INDENT}net=True,"
        if plan.net.reasons:
            yield from list_field("net_for", list(map(_evidence, plan.net.reasons[:5])))


def _outputs(arguments: Sequence[OutputArgument]) -> Iterator[str]:
    if not arguments:
        return
    yield f"{INDENT}outputs=["
    for argument in arguments:
        yield from comments([f"{argument.path}:{argument.line}"], INDENT + "    ")
        yield f"{INDENT}    Output("
        yield f"{INDENT}        option={literal(argument.option)},"
        if argument.passed:
            yield from list_field("passed", argument.passed, INDENT * 2)
        if argument.position is not None:
            yield f"{INDENT}        position={argument.position},"
        yield f"{INDENT}    ),"
    yield f"{INDENT}],"


def _evidence(evidence: Evidence) -> str:
    return f"{evidence.path}:{evidence.line}: {evidence.what}"
