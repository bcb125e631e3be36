"""Starts the client's launcher as `startup.sh` does, with a local session in place of a login.

Usage: python launch.py LAUNCHER ENTRYPOINT [ARGUMENT ...]

Stands alone, in the process of the job.
"""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

LAUNCHER = sys.argv[1]
sys.argv = sys.argv[1:]
sys.path[0] = (
    os.getcwd()
)  # as the launcher puts it before its own imports: the payload may shadow them

from snowflake.ml._internal.utils import connection_params  # noqa: E402

connection_params.SnowflakeLoginOptions = lambda *_, **__: {"local_testing": True}
sys.path[0] = os.path.dirname(LAUNCHER)
_MAIN = types.ModuleType("__main__")
_MAIN.__file__ = LAUNCHER
sys.modules["__main__"] = _MAIN
exec(compile(Path(LAUNCHER).read_bytes(), LAUNCHER, "exec"), _MAIN.__dict__)
