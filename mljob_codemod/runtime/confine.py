"""Starts a program within limits: `python confine.py SETTINGS PROGRAM [ARGUMENT…]`.

SETTINGS is JSON: `memory` (bytes of private data a process), `cpus` (how many), `hosts_asked` (a file: the
program gets a network of its own with nothing but the loopback, and names it asks for are added to the
file). The program takes this process's place, so signals and exit statuses are its own.

Stands alone and needs the standard library only; Linux, apart from `memory`.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import select
import socket
import struct
import sys
import tempfile

_NEW_MOUNTS, _NEW_USER, _NEW_NETWORK = 0x00020000, 0x10000000, 0x40000000
_BIND, _RECURSIVE, _PRIVATE = 0x1000, 0x4000, 0x40000
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1
_DNS_PORT = 53
_FAILED, _NO_RECORD = 2, 0
_ADDRESS, _INTERNET = 1, 1


def limit_memory(size: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    within = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (within, within))


def limit_cpus(count: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def leave_network(hosts_asked: str) -> None:
    """Move to a network that holds nothing but the loopback and a name server that knows no names."""
    _unshare()
    _libc_call("mount", b"none", b"/", None, _RECURSIVE | _PRIVATE, None)
    _raise_loopback()
    # Programs with a resolver of their own read the same file, and no cache of the machine may answer.
    _replace("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    _replace("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files myhostname dns\n")
    for cache in ("/var/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve"):
        if os.path.exists(cache):
            _bind("/dev/null", cache)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", _DNS_PORT))
    _answer_in_background(server, hosts_asked)


def _unshare() -> None:
    user, group = os.geteuid(), os.getegid()
    # A privileged user keeps the rights over other users' files without a user namespace.
    if user == 0:
        with contextlib.suppress(OSError):
            _libc_call("unshare", _NEW_NETWORK | _NEW_MOUNTS)
            return
    _libc_call("unshare", _NEW_USER | _NEW_NETWORK | _NEW_MOUNTS)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as stream:
            stream.write(text)


def _libc_call(name: str, *arguments: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH22x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(control, _GET_FLAGS, request), 16)
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sH22x", b"lo", flags | _UP))


def _replace(path: str, text: str) -> None:
    if not os.path.exists(path):
        return
    handle, stand_in = tempfile.mkstemp()
    os.write(handle, text.encode())
    os.fchmod(handle, 0o644)
    os.close(handle)
    _bind(stand_in, path)
    os.unlink(stand_in)


def _bind(source: str, target: str) -> None:
    # A bind on a link lands on what it points to.
    real = os.path.realpath(target)
    _libc_call("mount", os.fsencode(source), os.fsencode(real), None, _BIND, None)


def _answer_in_background(server: socket.socket, hosts_asked: str) -> None:
    """Answer from a process that is nobody's child, so that the program can wait for its own children."""
    program = os.pidfd_open(os.getpid())
    middle = os.fork()
    if middle:
        os.waitpid(middle, 0)
        os.close(program)
        server.close()
        return
    if os.fork():
        os._exit(0)
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):  # whoever reads the program's output must see it end
            os.dup2(null, descriptor)
        _answer(server, hosts_asked, program)
    finally:
        os._exit(0)


def _answer(server: socket.socket, hosts_asked: str, program: int) -> None:
    own = socket.gethostname().lower()
    waiting = select.poll()
    waiting.register(program, select.POLLIN)
    waiting.register(server, select.POLLIN)
    while all(ready != program for ready, _ in waiting.poll()):
        query, sender = server.recvfrom(4096)
        name, end = _asked_name(query)
        if name == own:
            server.sendto(_reply(query, end, _NO_RECORD), sender)
            continue
        server.sendto(_reply(query, end, _FAILED), sender)
        if not name.endswith(".arpa"):
            with open(hosts_asked, "a", encoding="utf-8") as stream:
                stream.write(name + "\n")


def _asked_name(query: bytes) -> tuple[str, int]:
    """The name of the first question, and where that question ends."""
    labels, position = [], 12
    while length := query[position]:
        labels.append(query[position + 1 : position + 1 + length])
        position += 1 + length
    return b".".join(labels).decode("ascii", "replace").lower(), position + 5


def _reply(query: bytes, end: int, status: int) -> bytes:
    """A failure; or for this machine's name its address in the loopback."""
    record = b""
    if status == _NO_RECORD and query[end - 4 : end] == struct.pack(">HH", _ADDRESS, _INTERNET):
        address = socket.inet_aton("127.0.0.1")
        record = struct.pack(">HHHIH", 0xC00C, _ADDRESS, _INTERNET, 60, len(address)) + address
    flags = 0x8180 | status
    counts = struct.pack(">HHHH", 1, 1 if record else 0, 0, 0)
    return query[:2] + struct.pack(">H", flags) + counts + query[12:end] + record


def main() -> None:
    settings = json.loads(sys.argv[1])
    if settings.get("hosts_asked"):
        leave_network(settings["hosts_asked"])
    if settings.get("cpus"):
        limit_cpus(settings["cpus"])
    if settings.get("memory"):
        limit_memory(settings["memory"])
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
