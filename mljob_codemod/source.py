"""One source file: its bytes, how they decode, where its lines begin, and what it silences.

Everything else in the tool counts in characters of the decoded text; only this module knows of
encodings, byte order marks and newlines.
"""

from __future__ import annotations

import ast
import codecs
import io
import re
import sys
import tokenize
from bisect import bisect_right
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mljob_codemod.edits import Span
from mljob_codemod.errors import InputError
from mljob_codemod.findings import Location, Position
from mljob_codemod.lazy_dataclass import dataclass

if TYPE_CHECKING:
    import libcst

_COOKIE = re.compile(rb"[ \t\f]*#.*?coding[:=]")
_LINE = re.compile(r"\r\n|\r|\n")
_SUPPRESSION = re.compile(r"#\s*mljob:\s*ignore(?:\[(?P<codes>[^\]]*)\])?")
_MERGE_CONFLICT = re.compile(
    r"^<{7}(?=[ \r\n])(?=(?s:.*)^={7}\r?$(?s:.*)^>{7}[ \r\n])", re.MULTILINE
)
_SKIP_FILE = re.compile(r"^[ \t]*#\s*mljob:\s*skip-file\b", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """The decoded text of one file. ``shown`` is its path as reports print it."""

    path: Path
    shown: str
    text: str
    encoding: str
    bom: bool = False

    @cached_property
    def line_starts(self) -> list[int]:
        """Offset of the first character of each line."""
        return [0, *(match.end() for match in _LINE.finditer(self.text))]

    def position(self, offset: int) -> Position:
        line = bisect_right(self.line_starts, offset)
        return Position(line, offset - self.line_starts[line - 1] + 1)

    def location(self, span: Span) -> Location:
        return Location(self.shown, self.position(span.start), self.position(span.end))

    def line_of(self, span: Span) -> int:
        return bisect_right(self.line_starts, span.start)

    def line(self, number: int) -> str:
        """The text of a line without its end; empty where there is none of that number."""
        if not 0 < number <= len(self.line_starts):
            return ""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def snippet(self, span: Span) -> str:
        return self.text[span.start : span.end]

    @property
    def skipped(self) -> bool:
        """Whether a ``# mljob: skip-file`` comment takes the file out."""
        return "mljob:" in self.text and _SKIP_FILE.search(self.text) is not None

    def silences(self, line: int, code: str) -> bool:
        """Whether ``# mljob: ignore`` or ``# mljob: ignore[CODE]`` stands on ``line``."""
        if "mljob:" not in self.text or not 0 < line <= len(self.line_starts):
            return False
        start = self.line_starts[line - 1]
        end = self.line_starts[line] if line < len(self.line_starts) else len(self.text)
        match = _SUPPRESSION.search(self.text, start, end)
        if match is None:
            return False
        codes = match["codes"]
        return codes is None or any(
            part.strip() and code.startswith(part.strip()) for part in codes.split(",")
        )

    def encode(self, text: str) -> bytes:
        """``text`` in this file's encoding, its byte order mark kept."""
        return (codecs.BOM_UTF8 if self.bom else b"") + text.encode(self.encoding)


def read_source(path: Path, shown: str) -> Source:
    """Read and decode ``path`` as Python would.

    Raises ``InputError`` for what cannot be read or decoded (PEP 263).
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(shown, f"cannot be read ({error.strerror})") from error
    return decode_source(data, path, shown)


def decode_source(data: bytes, path: Path, shown: str) -> Source:
    """Decode the bytes of a Python file; see ``read_source``."""
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise InputError(shown, "holds a NUL byte, so it is no Python source", line=line)
    bom = data.startswith(codecs.BOM_UTF8)
    body = data[len(codecs.BOM_UTF8) :] if bom else data
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        if not any(_COOKIE.match(line) for line in data.splitlines()[:2]):
            return _decoded(body, "utf-8", path, shown, bom)  # raises with the place
        raise InputError(shown, f"{error.msg}; fix its coding comment", line=1) from error
    if encoding == "utf-8-sig":
        encoding = "utf-8"
    return _decoded(body, encoding, path, shown, bom)


def _decoded(body: bytes, encoding: str, path: Path, shown: str, bom: bool) -> Source:
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        message = f"is not valid {encoding}; save it as UTF-8 or declare its encoding (PEP 263)"
        raise InputError(shown, message, line=line) from error
    return Source(path, shown, text, encoding, bom)


def parse_ast(source: Source) -> ast.Module:
    """The abstract syntax tree, which is cheap and has the better error messages.

    Raises ``InputError`` with the place of the first syntax error.
    """
    try:
        # Bytes of our own making: a coding comment in the text must not be obeyed a second time.
        return ast.parse(source.text, filename=source.shown)
    except SyntaxError as error:
        conflict = _MERGE_CONFLICT.search(source.text)
        if conflict is not None:
            raise InputError(
                source.shown,
                "holds a merge conflict; resolve it first",
                line=source.position(conflict.start()).line,
            ) from error
        version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        raise InputError(
            source.shown,
            f"does not parse as {version}: {error.msg}",
            line=error.lineno,
            column=error.offset,
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(source.shown, f"does not parse: {error}") from error


def parse_cst(source: Source) -> libcst.Module:
    """The concrete syntax tree, which keeps every character.

    Raises ``InputError`` when LibCST does not know the syntax.
    """
    import libcst

    try:
        return libcst.parse_module(source.text)
    except libcst.ParserSyntaxError as error:
        raise InputError(
            source.shown,
            f"is not understood by LibCST: {error.message}",
            line=error.editor_line,
            column=error.editor_column,
        ) from error
    except RecursionError as error:
        raise InputError(source.shown, "is nested too deeply for LibCST") from error
