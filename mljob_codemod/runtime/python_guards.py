"""What Python itself can refuse, for machines where no library can be preloaded.

Copied as `sitecustomize.py` into a folder that is first on the import path of a job's processes, so it
stands alone. It sees what Python code opens, maps, resizes and connects to, not what other code does:
writing through C (numpy's `tofile`, HDF5) or programs that are not Python pass it by. The reading of
the environment is that of the preloaded libraries (stage_mount.c, network.c).
"""

from __future__ import annotations

import builtins
import errno
import importlib.util
import io
import mmap
import os
import socket
import sys
from typing import Any, NoReturn

_MOUNTS = tuple(path for path in os.environ.get("MLJOB_STAGE_MOUNTS", "").split(":") if path)
_REFUSALS = os.environ.get("MLJOB_STAGE_REFUSALS")
_HOSTS_ASKED = os.environ.get("MLJOB_HOSTS_ASKED")
_real_open = io.open


# --- stage mounts


def on_mount(file: object) -> str | None:
    """The real path of a file below a stage folder; `file` is a path or a descriptor."""
    if isinstance(file, int):
        try:
            path = os.readlink(f"/proc/self/fd/{file}")
        except OSError:
            return None
    elif isinstance(file, (str, bytes, os.PathLike)):
        path = os.path.realpath(os.fsdecode(file))
    else:
        return None
    return path if any(path.startswith(mount + os.sep) for mount in _MOUNTS) else None


def refuse(manner: str, path: str) -> NoReturn:
    if _REFUSALS:
        _record(_REFUSALS, f"{manner}\t{path}")
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), path)


def _record(file: str, line: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, line.encode() + b"\n")
    os.close(descriptor)


class _InOrder(io.FileIO):
    """A file below a stage folder: written at its end, or not at all."""

    def write(self, data: Any) -> int:
        if self.tell() != os.fstat(self.fileno()).st_size:
            refuse("overwrite", str(on_mount(self.fileno()) or self.name))
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        refuse("truncate", str(on_mount(self.fileno()) or self.name))


def guarded_open(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """`open`, with files below stage folders that are written made of `_InOrder`."""
    raw_mode = mode.replace("b", "").replace("t", "")
    written = not set("wx+").isdisjoint(raw_mode)
    if not written or (buffering == 0 and "b" not in mode) or on_mount(file) is None:
        return _real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    raw = _InOrder(file, raw_mode, closefd, opener)
    if buffering == 0:
        return raw
    size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
    buffered = io.BufferedRandom(raw, size) if "+" in raw_mode else io.BufferedWriter(raw, size)
    if "b" in mode:
        return buffered
    text = io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)
    text.mode = mode  # type: ignore[misc]  # as `open` itself sets it
    return text


def guard_stage(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, flags = arguments[0], arguments[2]
        if flags & os.O_APPEND and flags & os.O_ACCMODE != os.O_RDONLY:
            if real := on_mount(path):
                refuse("append", real)
    elif event == "os.truncate":
        if real := on_mount(arguments[0]):
            refuse("truncate", real)
    elif event == "mmap.__new__":
        number, access = arguments[0], arguments[2]
        if access in (mmap.ACCESS_DEFAULT, mmap.ACCESS_WRITE) and number >= 0:
            if real := on_mount(number):
                refuse("map", real)
    elif event == "sqlite3.connect":
        if real := on_mount(arguments[0]):
            refuse("overwrite", real)


# --- network


def is_name(host: str) -> bool:
    """Whether `host` needs a name server: neither an address written out nor this machine's own name."""
    own = ("", "localhost", socket.gethostname().lower())
    written_out = ":" in host or host[-1:].isdigit()
    return not written_out and host.lower() not in own and not host.endswith(".localhost")


def is_outer(address: str) -> bool:
    loops = address.startswith(("127.", "0.", "::ffff:127.")) or address in ("::", "::1")
    return not loops and address.lower() != "localhost"


def guard_network(event: str, arguments: tuple[Any, ...]) -> None:
    assert _HOSTS_ASKED is not None
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0] or ""
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if is_name(name):
            _record(_HOSTS_ASKED, name)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    elif event in ("socket.connect", "socket.sendto"):
        end, address = arguments
        if end.family in (socket.AF_INET, socket.AF_INET6) and is_outer(address[0]):
            # Datagrams mostly ask which address this machine would send from.
            if end.type == socket.SOCK_STREAM:
                _record(_HOSTS_ASKED, address[0])
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))


# --- start


def install() -> None:
    if _MOUNTS:
        sys.addaudithook(guard_stage)
        builtins.open = io.open = guarded_open
    if _HOSTS_ASKED:
        sys.addaudithook(guard_network)


def start_next() -> None:
    """Leave the import path as it would be, and run the `sitecustomize` that this one stands before."""
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != folder]
    own = sys.modules.pop("sitecustomize")
    spec = importlib.util.find_spec("sitecustomize")
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    sys.modules["sitecustomize"] = own  # the import system looks for what it has just loaded


if __name__ == "sitecustomize":
    install()
    start_next()
