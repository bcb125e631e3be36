"""Errors are one line each, and keep their parts on the way between processes."""

from __future__ import annotations

import pickle

from mljob_codemod.errors import ConfigError, InputError


def test_input_error_names_the_place() -> None:
    assert str(InputError("a/b.py", "is wrong", line=3, column=7)) == "a/b.py:3:7: is wrong"
    assert str(InputError("a/b.py", "is wrong")) == "a/b.py: is wrong"
    assert str(ConfigError("mljob.toml", "unknown key", line=2)) == "mljob.toml:2: unknown key"


def test_input_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(InputError("a.py", "is wrong", line=3)))
    assert isinstance(error, InputError)
    assert (error.path, error.message, error.line, error.column) == ("a.py", "is wrong", 3, None)
