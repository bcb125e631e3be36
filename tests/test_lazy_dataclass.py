"""The dataclasses whose methods are made late behave as those of the standard library."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable
from functools import cached_property
from typing import Any

import pytest

from mljob_codemod import lazy_dataclass

Maker = Callable[..., Any]


def _classes(make: Maker) -> tuple[Any, Any, Any]:
    @make(frozen=True)
    class Frozen:
        name: str
        size: int = 3
        parts: tuple[str, ...] = ()

        @cached_property
        def doubled(self) -> int:
            return self.size * 2

    @make
    class Open:
        name: str
        found: list[int] = dataclasses.field(default_factory=list)
        hidden: int | None = dataclasses.field(default=None, repr=False)
        ready: bool = False

        def __post_init__(self) -> None:
            self.ready = True

    @make(frozen=True, eq=False)
    class Derived(Frozen):
        extra: str = "x"

    return Frozen, Open, Derived


@pytest.fixture(params=[dataclasses.dataclass, lazy_dataclass.dataclass])
def made(request: pytest.FixtureRequest) -> tuple[Any, Any, Any]:
    """The same test runs against the standard library, so that it cannot ask for something else."""
    return _classes(request.param)


def test_a_frozen_class_compares_hashes_and_refuses_changes(made: tuple[Any, Any, Any]) -> None:
    frozen, _, _ = made
    one, other = frozen("a"), frozen(name="a", size=3)
    assert one == other
    assert hash(one) == hash(other)
    assert one not in (frozen("a", 4), ("a", 3, ()))
    assert one.doubled == 6
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.size = 4
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.size
    with pytest.raises(
        TypeError, match=r"__init__\(\) missing 1 required positional argument: 'name'"
    ):
        frozen()
    assert frozen.size == 3
    assert frozen.__match_args__ == ("name", "size", "parts")


def test_an_open_class_gets_a_new_default_each_time(made: tuple[Any, Any, Any]) -> None:
    _, opened, _ = made
    one, other = opened("a"), opened("a")
    one.found.append(1)
    assert other.found == []
    assert one != other
    assert one.ready
    assert not hasattr(opened, "found")
    assert repr(other).endswith("Open(name='a', found=[], ready=True)")
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_the_functions_of_the_standard_library_work(made: tuple[Any, Any, Any]) -> None:
    frozen, opened, derived = made
    assert [field.name for field in dataclasses.fields(derived)] == [
        "name",
        "size",
        "parts",
        "extra",
    ]
    assert dataclasses.replace(frozen("a"), size=5) == frozen("a", 5)
    assert dataclasses.asdict(opened("a")) == {
        "name": "a",
        "found": [],
        "hidden": None,
        "ready": True,
    }
    assert dataclasses.is_dataclass(frozen)
    assert dataclasses.is_dataclass(opened("a"))


def test_a_derived_class_takes_its_bases_fields_first(made: tuple[Any, Any, Any]) -> None:
    frozen, _, derived = made
    one = derived("a", 1, ("p",), "y")
    assert (one.name, one.size, one.parts, one.extra) == ("a", 1, ("p",), "y")
    assert frozen("a").name == "a"


@lazy_dataclass.dataclass(eq=False, slots=True)
class Slotted:
    """A class at module level, as pickle wants it."""

    name: str
    span: tuple[int, int]


def test_a_class_with_slots_is_small_is_compared_by_identity_and_travels() -> None:
    one = Slotted("a", (1, 2))
    assert not hasattr(one, "__dict__")
    assert one != Slotted("a", (1, 2))
    copy = pickle.loads(pickle.dumps(one))
    assert (copy.name, copy.span) == ("a", (1, 2))
    match one:
        case Slotted(name, span):
            assert (name, span) == ("a", (1, 2))
    assert Slotted.__doc__ is not None
    assert Slotted.__module__ == __name__
