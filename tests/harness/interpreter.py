"""The interpreter that runs scripts: it needs their packages and, inside, the client."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def default_python() -> Path:
    """That of this process, unless MLJOB_TEST_PYTHON names another."""
    return Path(os.environ.get("MLJOB_TEST_PYTHON") or sys.executable)
