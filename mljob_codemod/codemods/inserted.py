"""The code that rewrites insert: expressions and functions that place a path below the result path."""

from __future__ import annotations

from mljob_codemod.analysis.options import RESULT_VARIABLE
from mljob_codemod.analysis.path_values import SCRATCH_VARIABLE
from mljob_codemod.edits import HelperText
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex

IN_JOB = f'"{RESULT_VARIABLE}" in os.environ'
OUTSIDE_JOB = f'"{RESULT_VARIABLE}" not in os.environ'
RESULT_OR_EMPTY = f'os.environ.get("{RESULT_VARIABLE}", "")'
RESULT = f'os.environ["{RESULT_VARIABLE}"]'
EXPAND_ARGUMENTS = (
    f'sys.argv[:] = [arg.replace("${RESULT_VARIABLE}", os.environ.get("{RESULT_VARIABLE}", '
    f'"${RESULT_VARIABLE}")) for arg in sys.argv]'
)
EXPAND_ARGUMENTS_TO_SCRATCH = f'sys.argv[:] = [arg.replace("${RESULT_VARIABLE}", scratch_path("") or "${RESULT_VARIABLE}") for arg in sys.argv]'
"""Where what is passed is written in ways that a result path does not take."""
START_SCRATCH = 'scratch_path("")  # one folder for this process and all that it starts'

_RESULT_PATH = f'''\
def result_path(path):
    """In a Snowflake ML Job, the path below the job's result path; elsewhere, the path itself."""
    return os.path.join({RESULT_OR_EMPTY}, path)
'''

_RESULT_PATH_IN_FOLDER = f'''\
def result_path(path, folder=""):
    """In a Snowflake ML Job, the path below the job's result path; elsewhere, the path itself.

    The folder is made in a job, where nothing else makes it.
    """
    result = {RESULT_OR_EMPTY}
    if result and folder:
        os.makedirs(os.path.join(result, folder), exist_ok=True)
    return os.path.join(result, path)
'''

_SCRATCH_PATH = f'''\
def scratch_path(path, folder=""):
    """In a Snowflake ML Job, the path in a local folder that is copied to the job's result path at exit.

    For files that are appended to or written out of order, which a result path does not take.
    Elsewhere, the path itself.
    """
    result = {RESULT_OR_EMPTY}
    if result and "{SCRATCH_VARIABLE}" not in os.environ:
        import atexit, contextlib, gc, io, multiprocessing, shutil, tempfile

        scratch, owner = tempfile.mkdtemp(), os.getpid()
        os.environ["{SCRATCH_VARIABLE}"] = scratch

        @atexit.register
        def keep_files():
            if os.getpid() != owner:
                return
            for child in multiprocessing.active_children():
                if not child.daemon:
                    child.join()
            for item in gc.get_objects():
                if issubclass(type(item), io.IOBase):
                    with contextlib.suppress(OSError, ValueError):
                        item.flush()
            for here, _, names in os.walk(scratch):
                there = os.path.join(result, os.path.relpath(here, scratch))
                os.makedirs(there, exist_ok=True)
                for name in names:
                    shutil.copyfile(os.path.join(here, name), os.path.join(there, name))

    root = os.environ.get("{SCRATCH_VARIABLE}", "") if result else ""
    if root:
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    return os.path.join(root, path)
'''

HELPERS: dict[str, HelperText] = {
    "result_path": HelperText(_RESULT_PATH, ("os",)),
    "result_path_in_folder": HelperText(_RESULT_PATH_IN_FOLDER, ("os",)),
    "scratch_path": HelperText(_SCRATCH_PATH, ("os",)),
}
"""By the names that ``AddHelper`` uses; the first two define the same function."""
ADDED_FUNCTIONS = ("result_path", "scratch_path")


def is_free(name: str, module: ModuleIndex) -> bool:
    """Whether a module has nothing of its own that the function ``name`` of the tool would collide with."""
    if any(not site.call.args for site in module.sites_by_name.get("Fire", ())):
        return False  # fire would offer the function as a command
    return not any(name in scope.bindings for scope in module.scopes.values()) and all(
        isinstance(binding.value, r.FunctionDef) for binding in module.scope.bindings.get(name, [])
    )
