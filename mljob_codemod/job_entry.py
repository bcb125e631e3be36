"""Runs a script inside a Snowflake ML Job, and keeps every file that it writes.

    job_entry.py [--every=SECONDS] SCRIPT [ARGUMENTS ...]
    job_entry.py [--every=SECONDS] -m MODULE [ARGUMENTS ...]

A job starts in a folder on a stage, which takes neither appending nor writing out of
order, and is not looked at afterwards. So this lays the folder out again on local disk,
runs the script there as `python SCRIPT` would, and copies each new or changed file to the
job's result path: at the end, whatever the end is, and every so many seconds before it.
What the script itself puts below the result path is left alone.
"""

from __future__ import annotations

import ast
import atexit
import builtins
import importlib.util
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Larger files stay on the stage, and are copied only when they are opened for writing.
LINKED_FROM = 16 * 1024 * 1024
# Libraries open these in ways that cannot be seen here: they are always copied.
COPIED = (".db", ".h5", ".hdf5", ".keras", ".mdb", ".sqlite", ".sqlite3")
NOT_KEPT = ("__pycache__", ".cache", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache")
# The launcher's own files in the result path.
RESERVED = ("mljob_result", "mljob_extra")
# Among them, the ledgers of what is kept, one for each node: a line of JSON for each file, its
# name and its place below the result path.
KEPT_LIST = "mljob_extra_kept"
# Where a file goes whose place below the result path is taken, or holds an earlier copy that
# is whole when the script was ended and the file may be half written.
ASIDE = "working_directory"
# A file that changed less long ago than this may not be whole yet.
QUIET_SECONDS = 2.0

Stamp = tuple[int, int]


def stamp(path: Path) -> Stamp | None:
    """Size and time of a regular file's last change; None for anything else."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def files_below(folder: Path) -> Iterator[tuple[str, Stamp]]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - set(NOT_KEPT))
        for name in sorted(names):
            path = Path(here, name)
            found = None if name.endswith((".pyc", ".pyo")) else stamp(path)
            if found is not None:
                yield path.relative_to(folder).as_posix(), found


class Workplace:
    """The payload on local disk. Large files are links to the stage until they are changed."""

    def __init__(self, payload: Path, folder: Path) -> None:
        self.payload = payload
        self.folder = folder
        self.linked: dict[str, Path] = {}

    def lay_out(self) -> None:
        for here, folders, names in os.walk(self.payload):
            folders[:] = [name for name in folders if name != "__pycache__"]
            target = self.folder / Path(here).relative_to(self.payload)
            target.mkdir(exist_ok=True)
            for name in names:
                source = Path(here, name)
                if source.stat().st_size < LINKED_FROM or name.lower().endswith(COPIED):
                    shutil.copy2(source, target / name)
                else:
                    (target / name).symlink_to(source)
                    self.linked[str(target / name)] = source
        sys.addaudithook(self.copy_before_writing)

    def copy_before_writing(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Put a copy in a link's place when Python is about to change what it leads to."""
        if event not in ("open", "os.truncate", "os.chmod", "os.utime") or not self.linked:
            return
        if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            return
        if isinstance(arguments[0], int):
            return
        path = os.path.abspath(os.fsdecode(arguments[0]))
        source = self.linked.pop(path, None)
        if source is not None and os.path.islink(path):
            os.unlink(path)
            shutil.copy2(source, path)


class Collector:
    """Copies what is new or changed in the workplace to the result path.

    Two processes do so, one after the other: a ledger beside the workplace says where each file went.
    """

    def __init__(self, folder: Path, result: Path, known: dict[str, Stamp]) -> None:
        self.folder = folder
        self.result = result
        self.known = known
        self.ledger = folder.with_suffix(".ledger")
        self.node = node()
        self.interrupted = False

    def kept(self) -> dict[str, str]:
        """The files kept so far, and their paths below the result path."""
        lines = self.ledger.read_text("utf-8").splitlines() if self.ledger.exists() else []
        return dict(json.loads(line) for line in lines)

    def collect(self, *, quiet: bool = False) -> None:
        """Copy what is not kept yet; `quiet` leaves out what somebody may still be writing."""
        busy = open_for_writing(self.folder) if quiet else set()
        kept = self.kept()
        for name, found in files_below(self.folder):
            source = self.folder / name
            age = time.time() - found[1] / 1e9
            if self.known.get(name) == found:
                continue
            if quiet and (age < QUIET_SECONDS or os.path.realpath(source) in busy):
                continue
            target = self.result / kept.get(name, f"{self.node}{name}")
            if not (target.exists() and same_content(source, target)):
                taken = target.exists() or name.startswith(RESERVED)
                if taken and (self.interrupted or name not in kept):
                    target = self.result / f"{self.node}{ASIDE}/{name}"
                if not copy_whole(source, target, found if quiet else None):
                    continue
                entry = [name, target.relative_to(self.result).as_posix()]
                with self.ledger.open("a", encoding="utf-8") as ledger:
                    ledger.write(json.dumps(entry) + "\n")
            self.known[name] = found
        if len(self.kept()) > len(kept):
            shown = f"{KEPT_LIST}_{self.node}".rstrip("_/")
            copy_whole(self.ledger, self.result / shown)


def same_content(one: Path, other: Path) -> bool:
    if not other.is_file() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while block := first.read(1 << 20):
            if block != second.read(len(block)):
                return False
    return True


def copy_whole(source: Path, target: Path, unchanged: Stamp | None = None) -> bool:
    """Copy under another name first, so that a file that is there is whole.

    With `unchanged`, nothing is kept of a file that was changed while it was read.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, part)
        if unchanged not in (None, stamp(source)):
            part.unlink()
            return False
        os.replace(part, target)
    except OSError as error:
        if source.exists():
            print(f"job_entry: {source} cannot be kept: {error}", file=sys.stderr, flush=True)
        return False
    return True


def open_for_writing(folder: Path) -> set[str]:
    """Files below `folder` that some process holds open for writing, where Linux tells."""
    found = set()
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            path = os.readlink(descriptor)
            if not path.startswith(f"{folder}/"):
                continue
            text = (descriptor.parents[1] / "fdinfo" / descriptor.name).read_text()
        except OSError:
            continue
        flags = next(line for line in text.splitlines() if line.startswith("flags:"))
        if int(flags.split()[1], 8) & (os.O_WRONLY | os.O_RDWR):
            found.add(path)
    return found


class Watch:
    """A process beside the script that copies quiet files while the script runs.

    It is a process since a script may hold the interpreter for hours, and since it outlives
    a script that is killed: when the pipe to it closes without a word, it copies the rest.
    """

    def __init__(self, workplace: Workplace, result: Path, every: float) -> None:
        command = [sys.executable, __file__, "--watch", str(every)]
        self.process = subprocess.Popen(
            [*command, str(workplace.folder), str(result)],
            stdin=subprocess.PIPE,
        )
        self.owner = os.getpid()

    def leave(self) -> None:
        """In a child: the pipe must close when the script ends, not when its children do."""
        if self.process.stdin is not None:
            self.process.stdin.close()

    def end(self) -> None:
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.write(b"done")
            self.process.stdin.close()
            self.process.wait()


def watch(every: float, folder: Path, result: Path) -> None:
    """What the process of `Watch` does."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    known = json.loads(folder.with_suffix(".json").read_text("utf-8"))
    collector = Collector(folder, result, {name: tuple(found) for name, found in known.items()})
    while True:
        ready, _, _ = select.select([sys.stdin], [], [], every)
        if ready:
            collector.interrupted = os.read(sys.stdin.fileno(), 4) != b"done"
            if collector.interrupted:
                collector.collect()
            return
        collector.collect(quiet=True)


def report(collector: Collector) -> None:
    """One line for the job's log."""
    kept = list(collector.kept().values())
    if kept:
        shown = ", ".join(kept[:5]) + (f" and {len(kept) - 5} more" if kept[5:] else "")
        number = f"{len(kept)} file{'s' if len(kept) > 1 else ''}"
        print(f"job_entry: kept {number} of the working directory: {shown}", flush=True)
    others = int(os.environ.get("SNOWFLAKE_JOBS_COUNT", "1")) - 1
    if others > 0 and not runs_on_every_node():
        shown = "other node" if others == 1 else f"other {others} nodes"
        print(f"job_entry: files on the local disks of the {shown} are not kept", flush=True)


def runs_on_every_node() -> bool:
    """With parallel=True each node runs this; without, the head alone does."""
    return os.environ.get("MLRS_LAUNCH_BACKEND") == "passthrough"


def node() -> str:
    """The folder of this node's files below the result path; none for those of the first."""
    index = os.environ.get("SNOWFLAKE_JOB_INDEX", "0")
    return f"node-{index}/" if runs_on_every_node() and index != "0" else ""


def move_to(workplace: Workplace) -> None:
    """Make the workplace what the payload was: working directory and import path."""
    payload, folder = workplace.payload.resolve(), str(workplace.folder)
    for index, entry in enumerate(sys.path):
        if entry and Path(entry).resolve() == payload:
            sys.path[index] = folder
    os.chdir(folder)
    os.environ["PWD"] = folder
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = folder + (os.pathsep + inherited if inherited else "")


def prepare(every: float) -> tuple[Collector, Watch] | None:
    """Lay out the payload and begin to watch it; nothing outside a job."""
    result = os.environ.get("MLRS_STAGE_RESULT_PATH")
    if not result:
        return None
    payload = Path(__file__).resolve().parent
    workplace = Workplace(payload, Path(tempfile.mkdtemp(prefix="mljob-")).resolve() / "payload")
    workplace.lay_out()
    known = dict(files_below(workplace.folder))
    workplace.folder.with_suffix(".json").write_text(json.dumps(known), encoding="utf-8")
    collector = Collector(workplace.folder, Path(result), known)
    watcher = Watch(workplace, Path(result), every)

    # First registered, last called: files that the script writes at its own end are kept too.
    @atexit.register
    def collect_the_rest() -> None:
        if os.getpid() == watcher.owner:
            watcher.end()
            before = collector.kept()
            collector.collect()
            if collector.kept() != before:
                report(collector)

    def end_by_signal(number: int, _frame: object) -> None:
        collector.interrupted = True
        raise SystemExit(128 + number)

    move_to(workplace)
    signal.signal(signal.SIGTERM, end_by_signal)
    # A child that is terminated ends as it would without this, at whatever moment.
    terminated = {signal.SIGTERM}

    def in_child() -> None:
        watcher.leave()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, terminated)

    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, terminated),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, terminated),
        after_in_child=in_child,
    )
    return collector, watcher


def main_script(script: str) -> tuple[types.CodeType, types.ModuleType]:
    """The code of a file, and a fresh `__main__` to run it in."""
    path = os.path.abspath(script)
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    module = types.ModuleType("__main__")
    module.__file__ = path
    sys.path.insert(0, os.path.dirname(path))
    return code, module


def package_name(script: str) -> str | None:
    """The module that a script with relative imports is: only by that name do they work."""
    path = Path(script)
    tree = ast.parse(path.read_bytes()) if path.suffix == ".py" else ast.Module([], [])
    relative = any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree))
    return ".".join(path.with_suffix("").parts) if relative and not path.is_absolute() else None


def main_of_package(name: str) -> tuple[types.CodeType, types.ModuleType]:
    """The same for a module by its name, as `python -m` finds it."""
    sys.path.insert(0, os.getcwd())
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{name}.__main__")
    code = getattr(spec and spec.loader, "get_code", lambda _: None)(spec.name if spec else name)
    if spec is None or code is None:
        raise SystemExit(f"No module named {name}")
    module = types.ModuleType("__main__")
    module.__spec__, module.__file__, module.__package__ = spec, spec.origin, spec.parent
    return code, module


def parse(arguments: list[str]) -> tuple[float, list[str]]:
    """The seconds between two copies, and the script or module with its arguments."""
    every = 300.0
    if arguments and arguments[0].startswith("--every="):
        every, arguments = float(arguments[0].partition("=")[2]), arguments[1:]
    if not arguments or arguments == ["-m"]:
        raise SystemExit(__doc__)
    name = None if arguments[0] == "-m" else package_name(arguments[0])
    return every, arguments if name is None else ["-m", name, *arguments[1:]]


if __name__ == "__main__" and sys.argv[1:2] == ["--watch"]:
    watch(float(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
elif __name__ == "__main__":
    _every, _command = parse(sys.argv[1:])
    _prepared = prepare(_every)
    _by_name = _command[0] == "-m"
    _main = types.ModuleType("__main__")
    try:
        _code, _main = (main_of_package if _by_name else main_script)(_command[_by_name])
        vars(_main)["__builtins__"] = builtins
        sys.argv[:] = [str(_main.__file__), *_command[2:]] if _by_name else _command
        sys.modules["__main__"] = _main
        exec(_code, vars(_main))
    except BaseException as _end:
        # The launcher would lose the value, though status 0 ends the job well.
        if not isinstance(_end, SystemExit) or _end.code not in (None, 0):
            # What is shown begins with the script's own line.
            _end.__traceback__ = _end.__traceback__ and _end.__traceback__.tb_next
            raise
    finally:
        if _prepared is not None and os.getpid() == _prepared[1].owner:
            _collector, _watch = _prepared
            _watch.end()
            _collector.collect()
            report(_collector)
    __return__ = vars(_main).get("__return__")
