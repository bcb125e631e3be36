"""The files below a folder that submit_job.py would send, as that program chooses them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

from mljob_codemod.discovery import ENVIRONMENT_MARKS
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.payload import payload_rules

_GENERATED = frozenset({"submit_job.py", "job_entry.py"})
MOST_FILES = 50_000
"""Files that are looked at: that a folder of more is large is known by then."""


@dataclass(eq=False)
class PayloadTree:
    """What of ``root`` travels: sizes by path relative to it, with ``/``; and what stays behind."""

    root: Path
    sizes: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    is_whole: bool = True
    """Whether all files were looked at."""

    @property
    def bytes(self) -> int:
        return sum(self.sizes.values())

    def largest(self, number: int) -> list[tuple[str, int]]:
        """The largest files, largest first."""
        ordered = sorted(self.sizes.items(), key=lambda item: (-item[1], item[0]))
        return ordered[:number]

    def names_at_top(self) -> Iterator[tuple[str, str]]:
        """Modules and packages in the folder itself: the name to import, and the file."""
        for path in self.sizes:
            head, _, rest = path.partition("/")
            if not rest and head.endswith(".py"):
                yield head[:-3], path
            elif rest == "__init__.py":
                yield head, path


def shown_size(size: int) -> str:
    """A number of bytes as people read it."""
    number = float(size)
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def read_payload(root: Path) -> PayloadTree:
    """Walk ``root`` once; what cannot be read is left out."""
    tree, seen = PayloadTree(root), {os.path.realpath(root)}
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            path = Path(entry.path)
            relative = path.relative_to(root).as_posix()
            try:
                is_folder = entry.is_dir()
                if _stays_behind(path, is_folder, in_root=folder == root):
                    tree.left_out.append(relative + "/" * is_folder)
                elif is_folder:
                    real = os.path.realpath(path)
                    if real not in seen:  # a link may lead back
                        seen.add(real)
                        pending.append(path)
                elif entry.is_file():
                    tree.sizes[relative] = entry.stat().st_size
            except OSError:
                continue
        if len(tree.sizes) > MOST_FILES:
            tree.is_whole = False
            break
    return tree


def _stays_behind(path: Path, is_folder: bool, *, in_root: bool) -> bool:
    if payload_rules().stays_behind(path.name, in_root=in_root):
        return True
    if is_folder:
        return any((path / mark).exists() for mark in ENVIRONMENT_MARKS)
    return path.name in _GENERATED
