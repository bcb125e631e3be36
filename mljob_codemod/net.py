"""Whether a job is started through the job entry (``job_entry.py``), which keeps what no rewrite can.

``auto`` uses it where the plan cannot show that every write is mapped: a library's own folder, a path that
is not known, a result whose fix is left to a person; and where a script has relative imports, since the entry can
start it by its module's name.
"""

from __future__ import annotations

from collections.abc import Iterable

from mljob_codemod.findings import Finding, Safety
from mljob_codemod.plan import Evidence, Net

RESULTS = "MLJ2"
"""The beginning of the codes of findings about results."""
RELATIVE_IMPORTS = "MLJ901"
OFF_UNLESS_GIVEN = "MLJ205"
"""An option that writes nothing unless it is given: no reason by itself."""


def net_of(findings: Iterable[Finding], setting: bool | None) -> Net:
    """The choice for one job with these findings; a ``setting`` of None is ``auto``."""
    left = [
        finding
        for finding in findings
        if finding.code.startswith((RESULTS, RELATIVE_IMPORTS))
        and finding.code != OFF_UNLESS_GIVEN
        and (finding.fix is None or finding.fix.safety is not Safety.SAFE)
    ]
    places = {
        (finding.location.path, finding.location.start.line): Evidence(
            finding.location.path, finding.location.start.line, finding.message
        )
        for finding in left
    }
    reasons = sorted(places.values(), key=lambda reason: (reason.path, reason.line))
    return Net(bool(reasons) if setting is None else setting, tuple(reasons))
