"""The cases in `fixtures/`: what each converts, how it runs, and what a job must record.

`fixtures/README.md` describes the keys of `case.toml`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"


@dataclass(frozen=True)
class Case:
    """One folder of `fixtures/`, with the defaults of its `case.toml` filled in."""

    concern: str
    name: str
    folder: Path
    description: str
    script: str
    """The script that is run, relative to `before`."""
    paths: tuple[str, ...]
    """PATHS given to the command, relative to `before`."""
    args: tuple[str, ...]
    inside_args: tuple[str, ...]
    env: Mapping[str, str]
    """Variables of the run outside a job; a job does not have them."""
    stdin: str
    """What is typed outside a job; in a job there is nobody."""
    return_name: str | None
    unsafe: bool
    codes: tuple[str, ...] | None
    """Codes of the findings that `check` must report; None while nobody has listed them."""
    run: bool
    checks_result: bool
    result: object
    """What `job.result()` gives after conversion; only compared if `checks_result`."""
    artifacts: tuple[str, ...]
    elsewhere: tuple[str, ...]
    exit_status: int
    inside_exit_status: int

    @property
    def before(self) -> Path:
        return self.folder / "before"

    @property
    def after(self) -> Path:
        return self.folder / "after"

    @property
    def id(self) -> str:
        """Name of the case in test reports."""
        return f"{self.concern}/{self.name}"


_KEYS = {field.name for field in fields(Case)} - {
    "concern",
    "name",
    "folder",
    "description",
    "return_name",
    "checks_result",
} | {"return", "result_none"}


def load_case(folder: Path) -> Case:
    """Read one case; a misspelt key or a missing script is an error, never a silent default."""
    path = folder / "case.toml"
    text = path.read_text(encoding="utf-8")
    table = tomllib.loads(text)
    if unknown := table.keys() - _KEYS:
        raise ValueError(f"{path}: unknown keys {sorted(unknown)}")
    if "result" in table and "result_none" in table:
        raise ValueError(f"{path}: result and result_none exclude each other")
    first_line = text.partition("\n")[0]
    if not first_line.startswith("# "):
        raise ValueError(f"{path}: the first line must be a comment that says what the case shows")
    args = tuple(table.get("args", ()))
    exit_status = table.get("exit_status", 0)
    case = Case(
        concern=folder.parent.name,
        name=folder.name,
        folder=folder,
        description=first_line.removeprefix("# "),
        script=table["script"],
        paths=tuple(table.get("paths", [table["script"]])),
        args=args,
        inside_args=tuple(table.get("inside_args", args)),
        env=table.get("env", {}),
        stdin=table.get("stdin", ""),
        return_name=table.get("return"),
        unsafe=table.get("unsafe", False),
        codes=tuple(table["codes"]) if "codes" in table else None,
        run=table.get("run", True),
        checks_result="result" in table or table.get("result_none", False),
        result=table.get("result"),
        artifacts=tuple(table.get("artifacts", ())),
        elsewhere=tuple(table.get("elsewhere", ())),
        exit_status=exit_status,
        inside_exit_status=table.get("inside_exit_status", exit_status),
    )
    if not (case.before / case.script).is_file():
        raise ValueError(f"{path}: there is no before/{case.script}")
    return case


def load_cases(root: Path = FIXTURES) -> list[Case]:
    """All cases below `root`, ordered by concern and name."""
    return [load_case(path.parent) for path in sorted(root.glob("*/*/case.toml"))]
