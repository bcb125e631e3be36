"""The payload: whether the job finds what the script finds at home, and gets nothing that it must not get."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.payload_rules import (
    CONDA_ENVIRONMENT,
    INPUT_LEFT_BEHIND,
    KEY_IN_PAYLOAD,
    LARGE_PAYLOAD,
    PATTERN_IN_NAME,
    RELATIVE_IMPORT,
    RULES,
    SHADOWING_MODULE,
    TWO_FOLDERS,
    ZIP_WITH_MODULES,
)
from mljob_codemod.findings import Finding, Level
from mljob_codemod.payload_tree import PayloadTree, shown_size
from mljob_codemod.plan import JobPlan, Payload, SentFile
from mljob_codemod.rules.payload import payload_rules
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.walking import walk_statements

__all__ = ["RULES", "describe", "find", "settle"]

_PATTERN = frozenset("[*?")
_LARGEST = 10


def find(job: Job) -> Iterator[Finding]:
    """Findings about imports that a job cannot resolve."""
    for statement in walk_statements(job.script.body):
        if isinstance(statement, r.ImportFrom) and statement.level:
            dots = "." * statement.level
            imported = f"`from {dots}{statement.module} import …`"
            message = f"job_entry.py starts the script by its module's name, for {imported}"
            level = Level.NOTE
            if job.settings.net_of(job.path) is False:
                message = (
                    f"a job runs the script by its path, where {imported} fails: import by the package's "
                    "full name, or let job_entry.py start it (the setting `net`)"
                )
                level = Level.ERROR
            yield job.finding(RELATIVE_IMPORT, job.script, statement.span, message, level=level)
            break
    if len(job.import_roots) > 1:
        yield from _two_folders(job)
    if job.plan.method == "submit_directory":
        root = Path(job.plan.root).absolute()
        yield from _folder(job, job.payload_tree(root))


def _two_folders(job: Job) -> Iterator[Finding]:
    for statement in walk_statements(job.script.body):
        module = _imported_module(statement)
        found = None if module is None else job.find_import(module)
        if found is not None and found != job.root:
            message = (
                f"`{module}` is imported from {found.name}/, other modules from another folder; a job's "
                "import path has one of them only"
            )
            yield job.finding(TWO_FOLDERS, job.script, statement.span, message)


def _imported_module(statement: r.Statement) -> str | None:
    match statement:
        case r.Import(((module, _), *_), _):
            return module
        case r.ImportFrom(module, 0, _, _):
            return module
    return None


def describe(job: Job, plan: JobPlan) -> None:
    """Root and method are chosen before the codemods look (``project.py``), and settled after it."""


def settle(job: Job, plan: JobPlan) -> None:
    """Fill in what would travel."""
    if plan.method != "submit_directory":
        source = job.sources(job.script)
        size = len(source.encode(source.text))
        plan.payload = Payload(1, size, (SentFile(plan.entrypoint, size),))
        return
    tree = job.payload_tree(Path(plan.root).absolute())
    largest = tuple(SentFile(path, size) for path, size in tree.largest(_LARGEST))
    plan.payload = Payload(len(tree.sizes), tree.bytes, largest, tuple(tree.left_out[:100]))


# The folder that is sent


def _folder(job: Job, tree: PayloadTree) -> Iterator[Finding]:
    yield from _conda_environment(job, tree)
    yield from _keys(job, tree)
    yield from _size(job, tree)
    yield from _names(job, tree)
    yield from _zips(job, tree)
    yield from _inputs(job, tree)


def _conda_environment(job: Job, tree: PayloadTree) -> Iterator[Finding]:
    path = tree.root / "environment.yml"
    if not path.is_file():
        return
    from mljob_codemod.submission import FILE_NAME, submission_state  # few folders have one

    submission = job.path.parent / FILE_NAME
    try:
        state = submission_state(submission.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        state = "foreign"
    message = "a job stops at its start when this is in its payload: submit_job.py keeps it out"
    level = Level.NOTE if state == "generated" else Level.ERROR
    yield job.finding_at(CONDA_ENVIRONMENT, path, 1, message, level=level)


def _keys(job: Job, tree: PayloadTree) -> Iterator[Finding]:
    for path, line, what in _found_keys(tree):
        message = f"{what} would be sent with this file, for all who can read the stage: take it out and revoke it"
        yield job.finding_at(KEY_IN_PAYLOAD, path, line, message)


@lru_cache(maxsize=64)
def _found_keys(tree: PayloadTree) -> tuple[tuple[Path, int, str], ...]:
    """File, line and kind of each key in a folder; the same for all jobs that send it."""
    return tuple(_find_keys(tree))


def _find_keys(tree: PayloadTree) -> Iterator[tuple[Path, int, str]]:
    rules = payload_rules()
    for relative, size in tree.sizes.items():
        if not rules.may_hold_keys(relative.rpartition("/")[2], size):
            continue
        try:
            text = (tree.root / relative).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        for what, token in rules.tokens.items():
            start = token.find(text)
            if start is not None:
                yield tree.root / relative, text.count("\n", 0, start) + 1, what


def _size(job: Job, tree: PayloadTree) -> Iterator[Finding]:
    rules = payload_rules()
    limit = job.settings.payload_megabytes * 1_000_000
    if tree.bytes < limit and len(tree.sizes) < rules.large_files:
        return
    listed = ", ".join(f"{path} ({shown_size(size)})" for path, size in tree.largest(3))
    least = "" if tree.is_whole else "more than "
    message = f"{least}{len(tree.sizes)} files, {shown_size(tree.bytes)}, are sent with the script, of which the largest are {listed}"
    yield job.finding_at(LARGE_PAYLOAD, job.path, 1, message)


def _names(job: Job, tree: PayloadTree) -> Iterator[Finding]:
    launcher = payload_rules().launcher_imports
    for name, relative in tree.names_at_top():
        if name in launcher:
            message = f"the job's launcher imports `{name}` and gets this file instead: rename it"
            yield job.finding_at(SHADOWING_MODULE, tree.root / relative, 1, message)
    seen = set()
    for relative in tree.sizes:
        if _PATTERN.isdisjoint(relative):
            continue
        folder, _, file = relative.rpartition("/")
        # The client uploads the files of a folder that share a suffix together (see submit_job.py).
        parts = folder.split("/")
        inner = next((index for index, part in enumerate(parts) if _PATTERN & set(part)), None)
        bad = Path(file).suffix or file
        if inner is not None:
            bad = "/".join(parts[: inner + 1])
        if _PATTERN & set(bad) and bad not in seen:
            seen.add(bad)
            message = f"the upload takes the name {bad!r} for a pattern: rename it, or keep it out of the folder"
            yield job.finding_at(PATTERN_IN_NAME, tree.root / relative, 1, message)


def _zips(job: Job, tree: PayloadTree) -> Iterator[Finding]:
    archives = [relative for relative in tree.sizes if relative.endswith(".zip")]
    if not archives:
        return
    import zipfile

    wanted = set(sys.stdlib_module_names) | payload_rules().launcher_imports
    wanted |= {name.module.partition(".")[0] for facts in job.files for name in facts.imports}
    for relative in archives:
        try:
            with zipfile.ZipFile(tree.root / relative) as archive:
                members = archive.namelist()
        except (OSError, zipfile.BadZipFile, ValueError):
            continue
        taken = sorted({name for name in map(_module_in_zip, members) if name in wanted})
        if taken:
            listed = ", ".join(f"`{name}`" for name in taken[:3])
            message = f"the launcher puts this archive on the import path, where its {listed} comes before the real one: keep it out"
            yield job.finding_at(ZIP_WITH_MODULES, tree.root / relative, 1, message)


def _module_in_zip(member: str) -> str | None:
    head, _, rest = member.partition("/")
    if not rest and head.endswith(".py"):
        return head[:-3]
    return head if rest == "__init__.py" else None


def _inputs(job: Job, tree: PayloadTree) -> Iterator[Finding]:
    for use in job.plan.local_inputs:
        for base in (job.path.parent, tree.root, Path.cwd()):
            path = Path(os.path.normpath(base / use.target))
            if path.exists() and path.is_relative_to(tree.root):
                relative = path.relative_to(tree.root).as_posix()
                left = [
                    each
                    for each in tree.left_out
                    if f"{relative}/".startswith(each.rstrip("/") + "/")
                ]
                if left:
                    message = f"`{use.target}` is read here, but {left[0]} is never sent to a job"
                    yield job.finding_at(INPUT_LEFT_BEHIND, Path(use.path), use.line, message)
                break
