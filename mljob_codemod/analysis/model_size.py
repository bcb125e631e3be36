"""How much GPU memory the largest model that the source names needs, with the arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mljob_codemod.analysis.constants import Named, Value
from mljob_codemod.analysis.default_run import DefaultRun
from mljob_codemod.analysis.names import Program, argument_at
from mljob_codemod.analysis.uses import Place, UseFinder
from mljob_codemod.rules.models import model_rules
from mljob_codemod.syntax import records as r

_GIB = 2**30
_ACTIVATIONS = 1.2
"""What activations, buffers and fragments add, as a factor: a rule of thumb, they depend on the batch."""
_ADAPTERS = 0.01
"""The part of the parameters that LoRA trains, roughly."""
_HALF = ("float16", "bfloat16", "half", "fp16", "bf16", "auto")


class ModelNeed(NamedTuple):
    """A model that the source names, and the memory that it takes."""

    place: Place
    model: str
    parameters: float
    gib: float
    arithmetic: str


def largest_model(program: Program, finder: UseFinder, run: DefaultRun) -> ModelNeed | None:
    """The model that needs the most memory among those that a default run loads by name."""
    needs = [_need(program, place, model, size, run) for place, model, size in _models(finder, run)]
    return max(needs, key=lambda need: need.gib, default=None)


def _models(finder: UseFinder, run: DefaultRun) -> Iterator[tuple[Place, str, float]]:
    rules = model_rules()
    for place in finder.find(rules.takes):
        called = place.name if "." in place.name else _spelled(place.call.func)
        if any(word in called for word in rules.not_models):
            continue
        if place.site is not None and not run.comes_to(place.site):
            continue
        for condition in rules.arguments:
            argument = condition.argument
            given = argument_at(place.call, argument.position, argument.keywords[0])
            if given is None:
                continue
            for value in run.values(given.value, place.scope):
                size = rules.size(value) if isinstance(value, str) and "?" not in value else None
                if isinstance(value, str) and size is not None:
                    yield place, value, size
            break


def _spelled(func: r.Expr) -> str:
    match func:
        case r.Attribute(value, attr, _):
            return f"{_spelled(value)}.{attr}"
        case r.Name(name, _):
            return name
    return ""


def _need(program: Program, place: Place, model: str, size: float, run: DefaultRun) -> ModelNeed:
    width, called = _weight_bytes(place, run)
    shown = f"{model}: {_shown_size(size)} parameters"
    if not _trains(program):
        each = width
        parts = f"{called} weights {_number(width)}"
    elif _adapts(program):
        each = width + _ADAPTERS * 16
        parts = (
            f"frozen {called} weights {_number(width)}, and 16 for the hundredth that LoRA trains"
        )
    else:
        width = max(width, 2.0)
        each = 2 * width + (8 if width == 4 else 4)
        parts = f"weights {_number(width)}, gradients {_number(width)}, Adam {_number(each - 2 * width)}"
    gib = size * each * _ACTIVATIONS / _GIB
    arithmetic = (
        f"{shown} * {_number(each)} bytes ({parts}) = {size * each / _GIB:.1f} GiB, "
        f"and a fifth for activations: {gib:.1f} GiB"
    )
    return ModelNeed(place, model, size, round(gib, 1), arithmetic)


def _weight_bytes(place: Place, run: DefaultRun) -> tuple[float, str]:
    for argument in place.call.args:
        values = run.values(argument.value, place.scope) if argument.keyword else ()
        match argument.keyword:
            case "load_in_4bit" if True in values:
                return 0.5, "4-bit"
            case "load_in_8bit" if True in values:
                return 1.0, "8-bit"
            case "quantization_config":
                return _quantized(argument.value, place, run)
            case "torch_dtype" | "dtype" if any(map(_is_half, values)):
                return 2.0, "16-bit"
    return 4.0, "32-bit"


def _quantized(config: r.Expr, place: Place, run: DefaultRun) -> tuple[float, str]:
    for made, scope in run.made_by(config, place.scope):
        for argument in made.args if isinstance(made, r.Call) else ():
            if argument.keyword == "load_in_8bit" and True in run.values(argument.value, scope):
                return 1.0, "8-bit"
    return 0.5, "4-bit"


def _is_half(value: Value) -> bool:
    name = value.name if isinstance(value, Named) else value
    return isinstance(name, str) and name.rpartition(".")[2] in _HALF


def _trains(program: Program) -> bool:
    names = ("backward", "train", "fit", "learn")
    return any(program.sites_named(name) for name in names)


def _adapts(program: Program) -> bool:
    return any(program.sites_named(name) for name in ("get_peft_model", "LoraConfig"))


def _shown_size(size: float) -> str:
    return f"{_number(size / 1e9)} billion" if size >= 1e9 else f"{_number(size / 1e6)} million"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
