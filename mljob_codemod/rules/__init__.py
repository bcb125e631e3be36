"""What to look for, as TOML data beside this file, and the loaders that turn it into records.

``calls``: those that take paths (writers.toml, readers.toml). ``options``: what command-line options
mean and how they are declared (options.toml). ``packages``: what the runtime images hold, and which
distribution an import comes from (runtime_packages.toml, distributions.toml). Each file is read when
first asked for. A record stands for its row, so records are compared by identity (``eq=False``), which
also makes importing these modules a quarter faster.
"""

from mljob_codemod.rules.calls import (
    CallRules,
    CallTable,
    Kind,
    Manner,
    PathCall,
    Probe,
    Reader,
    Writer,
    call_rules,
    load_calls,
)
from mljob_codemod.rules.rows import Argument, Mode

__all__ = [
    "Argument",
    "CallRules",
    "CallTable",
    "Kind",
    "Manner",
    "Mode",
    "PathCall",
    "Probe",
    "Reader",
    "Writer",
    "call_rules",
    "load_calls",
]
