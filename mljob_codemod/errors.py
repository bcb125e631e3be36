"""Every error the tool reports to its user: one line that names the place and the remedy."""

from __future__ import annotations


class MljobError(Exception):
    """Base of all errors that are reported as one line, without a traceback."""


class InputError(MljobError):
    """A file or folder that was given cannot be read, parsed or written.

    ``path`` is shown as the user would write it; ``line`` and ``column`` count from 1.
    """

    def __init__(
        self, path: str, message: str, *, line: int | None = None, column: int | None = None
    ) -> None:
        self.path = path
        self.message = message
        self.line = line
        self.column = column
        place = ":".join(str(part) for part in (path, line, column) if part is not None)
        super().__init__(f"{place}: {message}")

    def __reduce__(self) -> tuple[object, ...]:
        # Errors travel between processes, which by itself would lose the parts of the message.
        return _input_error, (self.path, self.message, self.line, self.column)


def _input_error(path: str, message: str, line: int | None, column: int | None) -> InputError:
    return InputError(path, message, line=line, column=column)


class ConfigError(MljobError):
    """The settings hold an unknown key or a value of the wrong type."""

    def __init__(self, path: str, message: str, *, line: int | None = None) -> None:
        self.path = path
        self.message = message
        self.line = line
        place = path if line is None else f"{path}:{line}"
        super().__init__(f"{place}: {message}")


class ToolFault(MljobError):
    """A rewrite failed its own proof: nothing was written, and the fault is this tool's."""
