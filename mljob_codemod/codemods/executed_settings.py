"""Settings that are executed: code of another file, or of the command line, that may set where results go."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.names import External
from mljob_codemod.codemods.base import Job
from mljob_codemod.findings import Documentation, Finding, Level, Rule
from mljob_codemod.plan import JobPlan
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Site
from mljob_codemod.syntax.walking import last_name

EXECUTED_SETTINGS = Rule(
    "MLJ210",
    "executed-settings",
    Level.NOTE,
    Documentation(
        finds="`exec` of text that is not in the source, among the script's own variables, where the script writes "
        "results: `exec(open('configurator.py').read())`.",
        matters="What is executed may set where results go after the rewritten default. Nothing is lost: this is a "
        "reason for the job entry (the setting `net`), which keeps what lands in the working directory.",
        by_hand="Leave it to the job entry, or begin the paths in the executed file with the result path.",
        reference="https://docs.python.org/3/library/functions.html#exec",
    ),
)
RULES = (EXECUTED_SETTINGS,)
TRIGGER_WORDS = frozenset({"exec"})


def find(job: Job) -> Iterator[Finding]:
    """One finding, at the first such call."""
    if not (job.plan.output_arguments or job.plan.hardcoded_outputs):
        return
    for site in job.program.sites_named("exec"):
        if not job.program.runs_elsewhere(site) and _sets_variables(job, site):
            message = "exec may set where results go; job_entry.py keeps what lands in the working directory"
            if job.settings.net_of(job.path) is False:
                message = "exec may set where results go; outside the result path they are lost"
            yield job.finding(EXECUTED_SETTINGS, site.scope.module, site.call.span, message)
            return


def describe(job: Job, plan: JobPlan) -> None:
    """The finding is a reason for the net, nothing else."""


def _sets_variables(job: Job, site: Site) -> bool:
    """Whether text from elsewhere runs among the variables of a module."""
    arguments = site.call.args
    if External("exec") not in job.program.entities(site.call.func, site.scope) or not arguments:
        return False
    if isinstance(arguments[0].value, r.Const):
        return False
    if len(arguments) == 1:
        return site.scope is site.scope.module.scope
    given = arguments[1].value
    return isinstance(given, r.Call) and last_name(given.func) == "globals"
