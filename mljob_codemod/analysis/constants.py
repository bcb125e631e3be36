"""Values as far as they can be known without running anything: constants, and words for what is no constant."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, NamedTuple, Union


class Special(Enum):
    """What is known of a value that is no constant."""

    UNKNOWN = "unknown"
    NUMBER = "a number"
    SOME = "a number above zero"
    PRESENT = "something"


class Device(NamedTuple):
    """A device by its name: ``torch.device("cuda:0")``."""

    name: str


class Named(NamedTuple):
    """A name of a library that stands for itself: ``torch.float16``."""

    name: str


Value = Union[
    str, bytes, int, float, complex, bool, None, Special, Device, Named, tuple["Value", ...]
]
UNKNOWN: Final = Special.UNKNOWN
OF_A_JOB: Final[Mapping[str, Value]] = {
    "os.name": "posix",
    "sys.platform": "linux",
    "platform.system": "Linux",
    "sys.version_info": (3, 11),
    "six.PY2": False,
    "six.PY3": True,
}
"""What libraries say of the machine that a job runs on, and of its Python."""
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "Equal": operator.eq,
    "NotEqual": operator.ne,
    "Is": operator.eq,
    "IsNot": operator.ne,
    "LessThan": operator.lt,
    "LessThanEqual": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEqual": operator.ge,
}
_ARITHMETIC: Final[Mapping[str, Callable[..., object]]] = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "FloorDivide": operator.floordiv,
}


def truth_of(value: Value) -> bool | None:
    """Whether ``value`` counts as true, or None where that is not known."""
    match value:
        case Special.SOME | Special.PRESENT | Device() | Named():
            return True
        case Special():
            return None
    return bool(value)


def compared(first: Value, op: str, second: Value) -> Value:
    """``first op second`` for a comparison, by the LibCST name of the operator."""
    if op in ("In", "NotIn"):
        found = _contained(first, second)
        return UNKNOWN if found is None else found is (op == "In")
    if first is Special.SOME and type(second) is int:
        if second <= 0:
            return op in ("GreaterThan", "GreaterThanEqual", "NotEqual", "IsNot")
        return True if second == 1 and op == "GreaterThanEqual" else UNKNOWN
    if isinstance(first, Device) and isinstance(second, str):
        first = (
            first.name
        )  # a torch.device compares equal to nothing but devices; scripts mean this
    if isinstance(second, Device) and isinstance(first, str):
        second = second.name
    if second is None and op in ("Is", "IsNot", "Equal", "NotEqual"):
        if first is not UNKNOWN:
            return (first is None) is (op in ("Is", "Equal"))
        return UNKNOWN
    if isinstance(first, (Special, Named)) or isinstance(second, (Special, Named)):
        return UNKNOWN
    compare = _COMPARISONS.get(op)
    try:
        return UNKNOWN if compare is None else compare(first, second)
    except TypeError:
        return UNKNOWN


def _contained(item: Value, whole: Value) -> bool | None:
    if isinstance(item, Device):
        item = item.name
    if isinstance(whole, Device):
        whole = whole.name
    if isinstance(whole, tuple) and not isinstance(item, Special):
        if item in whole:
            return True
        return None if UNKNOWN in whole else False
    if isinstance(whole, str) and isinstance(item, str):
        return item in whole
    return None


def computed(op: str, first: Value, second: Value) -> Value:
    """``first op second`` for arithmetic and for building strings; unknown parts become ``?``."""
    if op == "Modulo" and isinstance(first, str):
        shown = second if isinstance(second, tuple) else (second,)
        parts = ["?" if isinstance(part, Special) else str(part) for part in shown]
        for part in parts:
            start, _, end = first.partition("%")
            first = f"{start}{part}{end[1:]}"
        return first
    if op == "Add" and (isinstance(first, str) or isinstance(second, str)):
        return "".join("?" if isinstance(part, Special) else str(part) for part in (first, second))
    compute = _ARITHMETIC.get(op)
    if compute is None or not all(type(part) in (int, float) for part in (first, second)):
        return UNKNOWN
    try:
        made = compute(first, second)
    except ArithmeticError:
        return UNKNOWN
    return made if isinstance(made, (int, float)) else UNKNOWN


def device_of(value: Value) -> Value:
    """What ``torch.device(value)`` gives."""
    match value:
        case str():
            return Device(value)
        case Device():
            return value
        case Special.NUMBER | Special.SOME:
            return Device("cuda:?")
        case int():
            return Device(f"cuda:{value}")
    return UNKNOWN


def converted_by(name: str, value: Value) -> Value:
    """What the builtin ``name`` makes of ``value``."""
    if name in ("int", "float") and isinstance(value, (str, int, float)):
        try:
            return int(value) if name == "int" else float(value)
        except ValueError:
            return UNKNOWN
    if name == "int" and value is UNKNOWN:
        return Special.NUMBER
    if name == "bool":
        truth = truth_of(value)
        return UNKNOWN if truth is None else truth
    if name == "str":
        return UNKNOWN if isinstance(value, (Special, Named)) else str(value)
    if name == "len" and isinstance(value, (str, tuple)):
        return len(value)
    return UNKNOWN
