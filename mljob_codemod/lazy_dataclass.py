"""``dataclass`` as in the standard library, which makes a class's methods when they are first used.

The standard one writes and compiles up to six methods for every class at import: for the hundred classes of
this package that took a third of the time of checking one script. Here ``__init__`` is compiled when the first
instance is made, and the other methods are shared. ``fields``, ``replace`` and ``asdict`` work as ever.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, *, frozen=False, eq=True, slots=False):
        """A class decorator with these arguments of the standard one; ``slots`` for classes of no base."""
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen, eq=eq, slots=slots)
        own = {name: cls.__dict__.get(name, dataclasses.MISSING) for name in cls.__annotations__}
        defaults = {}
        for base in reversed(cls.__mro__[1:]):
            defaults |= base.__dict__.get("_field_defaults", {})
        defaults |= own
        if slots:
            kept = {name: value for name, value in cls.__dict__.items() if name not in own}
            del kept["__dict__"], kept["__weakref__"]
            cls = type(cls.__name__, (), {**kept, "__slots__": tuple(own)})
        for name, default in own.items():
            if isinstance(default, dataclasses.Field):
                delattr(cls, name)
        cls._field_defaults = defaults
        cls.__match_args__ = tuple(defaults)
        cls.__dataclass_fields__ = _StandardFields()
        cls.__init__ = _first_init(cls, frozen)
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = _repr
        if eq:
            cls._values = property(attrgetter(*defaults))
            cls.__eq__ = _eq
            cls.__hash__ = _hash if frozen else None
        if frozen:
            cls.__setattr__ = _refuse_set
            cls.__delattr__ = _refuse_delete
        return cls


class _StandardFields:
    """``__dataclass_fields__`` of a class, made when something asks for it."""

    def __get__(self, instance: object, owner: Any) -> dict[str, dataclasses.Field[Any]]:
        annotations: dict[str, Any] = {}
        for base in reversed(owner.__mro__):
            if "_field_defaults" in base.__dict__:
                annotations |= base.__annotations__
        given = {
            name: default
            for name, default in owner._field_defaults.items()
            if default is not dataclasses.MISSING
        }
        plain = type(
            owner.__name__,
            (),
            {**given, "__annotations__": annotations, "__module__": owner.__module__},
        )
        found: dict[str, dataclasses.Field[Any]] = dataclasses.dataclass(plain).__dataclass_fields__  # type: ignore[attr-defined]
        owner.__dataclass_fields__ = found
        return found


def _first_init(cls: Any, frozen: bool) -> Any:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        cls.__init__ = _compile_init(cls, frozen)
        cls.__init__(self, *args, **kwargs)

    return __init__


def _compile_init(cls: Any, frozen: bool) -> Any:
    names: dict[str, Any] = {"_set": object.__setattr__, "_new": object()}
    parameters, lines = ["self"], []
    for name, default in cls._field_defaults.items():
        value = name
        if default is dataclasses.MISSING:
            parameters.append(name)
        elif isinstance(default, dataclasses.Field) and default.default is dataclasses.MISSING:
            names[f"_make_{name}"] = default.default_factory
            parameters.append(f"{name}=_new")
            value = f"_make_{name}() if {name} is _new else {name}"
        else:
            plain = default.default if isinstance(default, dataclasses.Field) else default
            names[f"_default_{name}"] = plain
            parameters.append(f"{name}=_default_{name}")
        lines.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    exec("\n".join([f"def __init__({', '.join(parameters)}):", *lines]), names)
    made = names["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _repr(self: Any) -> str:
    shown = [
        f"{field.name}={getattr(self, field.name)!r}"
        for field in dataclasses.fields(self)
        if field.repr
    ]
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: Any) -> Any:
    return self._values == other._values if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash(self._values)


def _refuse_set(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
