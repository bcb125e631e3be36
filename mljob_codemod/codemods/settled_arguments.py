"""The arguments that the settings pass to a script (``args``), and the paths of the project among them."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.results import normal
from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.output_paths import paths_of


def provided_paths(job: Job) -> list[str]:
    """The files and folders of the project that the arguments name, other than those that say where results go."""
    outputs = frozenset(_outputs(job))
    args = job.settings.job(job.path).args
    found: dict[str, None] = {}
    for place, argument in enumerate(args):
        name, equals, value = argument.partition("=")
        is_result = (
            place in outputs
            or (bool(equals) and name in outputs)
            or (place > 0 and args[place - 1] in outputs)
        )
        # Whole, behind `--data=` or `data.path=`, or in a file of arguments (`@train.args`).
        for path in (argument, value, argument.removeprefix("@")):
            if not is_result and path and normal(path) != "." and not path.startswith("/"):
                found[path] = None
    return [path for path in found if job.exists(path)]


def _outputs(job: Job) -> Iterator[str | int]:
    """The output options by their spellings, positionals by their places among the arguments."""
    for result in paths_of(job).results.options:
        option = result.option
        yield from (option.spelling, *option.strings)
        if option.position is not None:
            yield option.position
