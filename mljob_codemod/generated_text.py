"""Text of generated programs: what comes from user code enters as a string literal, or as a comment of one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

WIDTH = 88  # the formatters' default: the file lies in a project whose settings we do not know
INDENT = "        "


def list_field(name: str, items: Sequence[str], indent: str = INDENT) -> Iterator[str]:
    """A keyword argument that is a list, as a formatter lays it out."""
    literals = [literal(item) for item in items]
    line = f"{indent}{name}=[{', '.join(literals)}],"
    # Wide characters count double for a formatter; one item a line is stable at any width.
    if len(line) <= WIDTH and line.isascii():
        yield line
    else:
        yield f"{indent}{name}=["
        yield from (f"{indent}    {item}," for item in literals)
        yield f"{indent}],"


def comments(texts: Iterable[str], indent: str = INDENT) -> Iterator[str]:
    """A line of comment for each text; what is too long ends after a word."""
    for text in texts:
        line = f"{indent}# {comment_text(text)}"
        if len(line) > WIDTH:
            kept = line[: WIDTH - 3].rpartition(" ")[0]
            # A first word that is as long as this has no better end.
            kept = kept if len(kept) > len(f"{indent}#") else line[: WIDTH - 4]
            line = f"{kept} ..."
        yield line


def comment_text(text: str) -> str:
    """Text of user code as one printable line."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def literal(text: str) -> str:
    """A string literal with the quotes that a formatter prefers."""
    shown = repr(text)
    if shown[0] == '"' or text.count('"') > text.count("'"):
        return shown
    return '"' + shown[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
