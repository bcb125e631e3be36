"""What one job of the local account came to: value, artifacts, losses, and the lines of the script behind them."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mljob_codemod.diagnosis import Diagnosis, diagnose
from mljob_codemod.plan import JobPlan
from mljob_codemod.rules.packages import runtime_packages
from mljob_codemod.runtime.pool import Ran
from mljob_codemod.submission import ENTRY_NAME

_OWN_FILES = ("mljob_result", "mljob_extra")
_CLIENT_HOSTS = (".snowflakecomputing.com", ".snowflakecomputing.cn")
"""Asked for by the client itself, which a job may reach."""
_PARALLEL = "passthrough"
_ENTRY_FRAME = re.compile(
    rf'^  File "{re.escape(ENTRY_NAME)}", line .*\n(?:    .*\n)*', re.MULTILINE
)


@dataclass(frozen=True)
class Artifact:
    """A file below the result path, or one that is lost; ``net`` when the job entry put it there.

    ``by`` is the line that opened a lost file for writing, where Python code did.
    """

    path: str
    size: int
    net: bool = False
    by: str | None = None


@dataclass(frozen=True)
class Refused:
    """A write that a stage mount does not take; ``manner`` is append, overwrite, truncate or map."""

    manner: str
    path: str
    by: str | None = None


@dataclass(frozen=True)
class Nodes:
    """How many nodes were asked for, and on how many the script's cluster ran here."""

    asked: int = 1
    run: int = 1
    parallel: bool = False
    """Whether each node was to run the script, of which only the first did."""


@dataclass
class RunResult:
    """What came of one run. ``status`` is the job's; ``lost`` are files written where a job keeps nothing."""

    script: str
    status: str
    seconds: float
    converted: bool
    result: dict[str, Any] | None = None
    error: str | None = None
    """What ``job.result()`` raises, with the traceback of the job."""
    exit_status: int | None = None
    artifacts: list[Artifact] = field(default_factory=list)
    net_for: list[str] = field(default_factory=list)
    """The lines that the job entry is there for, with their findings."""
    lost: list[Artifact] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    hosts_asked: list[str] = field(default_factory=list)
    differences: list[str] | None = None
    outside_status: int | None = None
    """How the original script ends outside a job."""
    unstable: list[str] = field(default_factory=list)
    nodes: Nodes = field(default_factory=Nodes)
    isolation: list[str] = field(default_factory=list)
    timed_out: bool = False
    log: str = ""
    folder: str | None = None

    @property
    def went_well(self) -> bool:
        return self.status == "DONE" and not self.differences

    @property
    def diagnosis(self) -> list[Diagnosis]:
        """The causes of a failure that the log shows, the error behind it, the likeliest first."""
        found = [] if self.status == "DONE" else diagnose(f"{self.log}\n{self.error or ''}")
        return [_seen_from_here(each) for each in found]

    def as_json(self) -> str:
        causes = [asdict(each) for each in self.diagnosis]
        return json.dumps({"version": 1, **asdict(self), "diagnosis": causes}, indent=2)


def _seen_from_here(found: Diagnosis) -> Diagnosis:
    """A package that only this Python lacks is nothing that the project has to declare."""
    missing = re.search(r"No module named '([\w.]+)'", found.evidence)
    match = None if missing is None else runtime_packages().match(missing[1])
    if missing is None or match is None or match[0] != missing[1]:
        return found
    return replace(
        found,
        cause=f"this Python has no module {match[0]}, which the runtime image of a real job has",
        remedy=f"run: pip install {match[1].distribution}",
    )


Rewritten = Mapping[str, tuple[bytes, bytes]]
"""Files that were converted for this run, by their place in the payload: bytes before and after."""


def read_outcome(
    plan: JobPlan, told: Mapping[str, Any], ran: Ran, account: Path, rewritten: Rewritten
) -> RunResult:
    """All that the job left. ``told`` is what the client was told of it."""
    folder = account / "jobs" / told["id"].rpartition(".")[2]
    payload = folder / "job_stage" / "app"
    collected = _collected(folder / "tmp")
    result_path = Path(told["result_path"])
    artifacts = [
        Artifact(name, path.stat().st_size, name in collected)
        for path in sorted(result_path.rglob("*"))
        if path.is_file()
        and not (name := path.relative_to(result_path).as_posix()).startswith(_OWN_FILES)
    ]

    def writer(path: Path) -> str | None:
        place = ran.writers.get(path)
        return None if place is None else _in_source(*place, rewritten)

    folders = {"payload": payload, "home": folder / "home"}
    lost = [
        Artifact(
            f"{where}/{each.path.as_posix()}", each.size, by=writer(folders[where] / each.path)
        )
        for where, each in ran.written
    ]
    refused = [
        Refused(each.manner, _shown(each.path, payload, result_path), writer(each.path))
        for each in ran.refusals
    ]
    job = json.loads((folder / "job.json").read_text("utf-8"))
    parallel = job["spec"]["ENV_VARS"].get("MLRS_LAUNCH_BACKEND") == _PARALLEL
    error = _traceback(result_path / "mljob_result") or told["error"]
    return RunResult(
        script=plan.script,
        status=told["status"],
        seconds=round(ran.seconds, 1),
        converted=bool(rewritten),
        result=told["result"] if error is None else None,
        error=None if error is None else _as_the_user_has_it(error, payload, rewritten),
        exit_status=ran.exit_status,
        artifacts=artifacts,
        net_for=[f"{each.path}:{each.line}: {each.what}" for each in plan.net.reasons],
        lost=lost,
        refused=refused,
        hosts_asked=[host for host in ran.hosts_asked if not host.endswith(_CLIENT_HOSTS)],
        nodes=Nodes(job["options"].get("TARGET_INSTANCES") or 1, ran.nodes, parallel),
        isolation=list(ran.isolation),
        timed_out=ran.timed_out,
        log=(folder / "log").read_text("utf-8", errors="replace"),
    )


def _traceback(file: Path) -> str | None:
    """The error that a failed script recorded, with the frames of the script; ``job.result()`` raises it without them."""
    try:
        recorded = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    facts = recorded.get("metadata") if isinstance(recorded, dict) else None
    if not isinstance(facts, dict) or recorded.get("success") or "traceback" not in facts:
        return None
    frames = re.sub(
        r'^  File "<frozen runpy>".*\n', "", str(facts["traceback"]), flags=re.MULTILINE
    )
    name = str(facts.get("type", "")).removeprefix("builtins.")
    return f"Traceback (most recent call last):\n{frames}{name}: {facts.get('message', '')}"


def _shown(path: Path, payload: Path, result_path: Path) -> str:
    for folder, shown in ((payload, ""), (result_path, "$MLRS_STAGE_RESULT_PATH/")):
        if path.is_relative_to(folder):
            return f"{shown}{path.relative_to(folder).as_posix()}"
    return str(path)


def _as_the_user_has_it(error: str, payload: Path, rewritten: Rewritten) -> str:
    """A traceback with the places of the user's own files."""

    def place(match: re.Match[str]) -> str:
        name, _, line = _in_source(match[1], int(match[2]), rewritten).rpartition(":")
        return f'File "{name}", line {line}'

    # The job entry runs the script in a copy.
    entry = payload.parents[1] / "tmp"
    start = rf"(?:{re.escape(str(payload))}|{re.escape(str(entry))}/mljob-\w+/payload)/"
    shown = re.sub(rf'File "{start}([^"]+)", line (\d+)', place, error)
    return _ENTRY_FRAME.sub("", shown)


def _in_source(place: str, line: int, rewritten: Rewritten) -> str:
    """File and line as the user has them: converting a copy moves lines."""
    if place in rewritten:
        before, after = (text.decode("utf-8", "replace").splitlines() for text in rewritten[place])
        matcher = difflib.SequenceMatcher(a=after, b=before, autojunk=False)
        for _, start, end, there, past in matcher.get_opcodes():
            if start <= line - 1 < end:
                line = min(there + line - start, max(past, there + 1))
                break
    return f"{place}:{line}"


def _collected(temporary: Path) -> set[str]:
    """What the job entry kept, by its ledger."""
    lines = [
        line
        for ledger in temporary.glob("mljob-*/payload.ledger")
        for line in ledger.read_text("utf-8").splitlines()
    ]
    return {json.loads(line)[1] for line in lines}
