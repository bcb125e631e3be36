"""What several test modules build on: the command in this process, and findings made by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from mljob_codemod.cli import main


@dataclass(frozen=True)
class Outcome:
    """What one command left behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run ``mljob-codemod`` with the given arguments in the working directory."""

    def run_command(*arguments: str) -> Outcome:
        capfd.readouterr()
        status = main(arguments)
        return Outcome(status, *capfd.readouterr())

    return run_command
