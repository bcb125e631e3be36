"""Whether a script computes on a GPU, must have one, or names one and turns it off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from enum import Enum
from typing import NamedTuple

from mljob_codemod.analysis.constants import Device, Value
from mljob_codemod.analysis.default_run import DefaultRun, Probes
from mljob_codemod.analysis.names import External, Program, argument_at
from mljob_codemod.analysis.options import OptionTable
from mljob_codemod.analysis.reachability import Reachability
from mljob_codemod.analysis.uses import (
    Place,
    UseFinder,
    condition_holds,
    is_given,
    takes_if_there,
    value_fits,
)
from mljob_codemod.analysis.values import PathEvaluator
from mljob_codemod.edits import Span
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.calls import call_rules
from mljob_codemod.rules.compute import ComputeRules, GpuUse, Keyword, Off
from mljob_codemod.rules.uses import Need, Use, as_conditions
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Scope, Site, kept_with_module

_DEVICE_NAMES = frozenset("device DEVICE Device dev".split())
_NOT_USES = frozenset(
    "add_argument add_option option Option field Field DEFINE_string group ArgumentParser".split()
)
_CERTAIN = 3
"""So many places in the script that need a GPU settle it."""
_ENOUGH = 60
"""Calls of one kind that are looked at; the first that counts is as good as the last."""


class GpuUseKind(Enum):
    """What a default run does about GPUs."""

    REQUIRED = "required"
    """It fails where there is none."""
    OPTIONAL = "optional"
    """It takes one where there is one."""
    OFF = "off"
    """The source names one, but the defaults do not use it."""
    NONE = "none"


class Sign(NamedTuple):
    """A place that tells of a GPU; of a ``call`` the arguments matter unless ``by_itself``."""

    module: ModuleIndex
    span: Span
    call: r.Call | None = None
    by_itself: bool = False


@dataclass
class GpuSigns:
    """What was found, by what it means for a default run."""

    required: list[Sign] = field(default_factory=list)
    optional: list[Sign] = field(default_factory=list)
    weak: list[Sign] = field(default_factory=list)
    off: list[Sign] = field(default_factory=list)
    unknown: list[Sign] = field(default_factory=list)

    @property
    def kind(self) -> GpuUseKind:
        if self.required:
            return GpuUseKind.REQUIRED
        if self.optional or (self.weak and not self.off):
            return GpuUseKind.OPTIONAL
        return GpuUseKind.OFF if self.off else GpuUseKind.NONE

    def put_first(self, script: ModuleIndex) -> None:
        """Put what the script itself says before what its modules say."""
        for signs in (self.required, self.optional, self.weak, self.off):
            signs.sort(key=lambda sign: sign.module is not script)

    @property
    def reasons(self) -> list[Sign]:
        """The places that ``kind`` rests on."""
        if self.kind is GpuUseKind.OFF:
            return self.off
        return [*self.required, *self.optional] or self.weak


class Runs(NamedTuple):
    """The imagined runs whose differences tell how a GPU is used."""

    with_gpu: DefaultRun
    without_gpu: DefaultRun
    any_options: DefaultRun


def imagine_runs(
    program: Program,
    options: OptionTable,
    paths: PathEvaluator,
    reach: Reachability,
    rules: ComputeRules,
) -> Runs:
    """A default run with a GPU, one without, and a run with a GPU whose options are not known."""
    probes = Probes(**rules.probes)
    return Runs(
        DefaultRun(program, options, reach, paths, probes, gpu=True),
        DefaultRun(program, options, reach, paths, probes, gpu=False),
        DefaultRun(program, None, reach, paths, probes, gpu=True),
    )


def find_gpu_signs(
    program: Program, finder: UseFinder, runs: Runs, rules: ComputeRules
) -> GpuSigns:
    """Every sign of a GPU in what the script reaches."""
    search = _Search(program, finder, runs, rules)
    search.look()
    search.signs.put_first(program.script)
    return search.signs


class _Search:
    def __init__(
        self, program: Program, finder: UseFinder, runs: Runs, rules: ComputeRules
    ) -> None:
        self.program = program
        self.finder = finder
        self.runs = runs
        self.rules = rules
        self.signs = GpuSigns()
        self._offs: dict[str, Sign] | None = None

    @property
    def turned_off(self) -> dict[str, Sign]:
        """The libraries that the source makes compute on the CPU; ``*`` is all of them."""
        if self._offs is None:
            self._offs = dict(self._turned_off())
        return self._offs

    def look(self) -> None:
        self._look_everywhere()
        if self.signs.kind in (GpuUseKind.REQUIRED, GpuUseKind.OPTIONAL):
            everything = self.turned_off.get("*")
            if everything is not None:
                self.signs = GpuSigns(off=[everything])

    def _look_everywhere(self) -> None:
        for use in self.rules.uses.rows(self.finder.libraries):
            self._look_for(use)
            if self._is_settled():
                return
        self._look_for_keywords()
        self._look_for_devices()
        if self.signs.unknown and not self.signs.off and self._asks_for_gpu():
            # The device comes from where it cannot be followed, in code that asks for a GPU.
            self.signs.weak += self.signs.unknown[:1]

    def _is_settled(self) -> bool:
        script = self.program.script
        own = sum(sign.module is script for sign in self.signs.required)
        return own >= _CERTAIN or len(self.signs.required) >= _ENOUGH

    # Calls

    def _look_for(self, use: GpuUse) -> None:
        wanted = 1 if any(name.endswith(".*") for name in use.names) else _ENOUGH
        for place in self.finder.find(use):
            if not self._is_reached(place):
                continue
            now = self._counts(use, place, self.runs.with_gpu)
            off = self._off_for(use) if now else None
            if off is not None:
                self.signs.off.append(off)
                return
            if now:
                self._add(use, place)
                wanted -= 1
                if wanted == 0:
                    return
            elif now is None:
                self.signs.unknown.append(_sign(use, place))
            elif self._counts(use, place, self.runs.any_options) is not False:
                self.signs.off.append(_sign(use, place))

    def _off_for(self, use: GpuUse) -> Sign | None:
        return next(
            (self.turned_off[name] for name in use.libraries if name in self.turned_off), None
        )

    def _is_reached(self, place: Place) -> bool:
        run = self.runs.any_options
        return (
            run.comes_to(place.site) if place.site is not None else run.enters(place.scope.function)
        )

    def _runs(self, place: Place, run: DefaultRun) -> bool:
        return (
            run.comes_to(place.site) if place.site is not None else run.enters(place.scope.function)
        )

    def _counts(self, use: GpuUse, place: Place, run: DefaultRun) -> bool | None:
        """Whether ``run`` comes to the call and it uses a GPU there."""
        if not self._runs(place, run) or self.finder.is_other(place, run):
            return False
        if any(condition_holds(condition, place, run) for condition in use.unless):
            return False
        if not use.when:
            return True
        if use.missing and not any(is_given(condition, place.call) for condition in use.when):
            return True
        found = {condition_holds(condition, place, run) for condition in use.when}
        if True in found:
            return True
        if use.missing and all(
            self._is_none(condition_place, run) for condition_place in self._given(use, place)
        ):
            return True
        return None if None in found else False

    def _given(self, use: GpuUse, place: Place) -> Iterator[tuple[r.Expr, Scope]]:
        for condition in use.when:
            for argument in place.call.args:
                if argument.keyword in condition.argument.keywords:
                    yield argument.value, place.scope

    def _is_none(self, given: tuple[r.Expr, Scope], run: DefaultRun) -> bool:
        """Whether an argument is None, which is as good as not given."""
        return run.values(*given) == (None,)

    def _add(self, use: GpuUse, place: Place) -> None:
        sign = _sign(use, place)
        if use.weak:
            self.signs.weak.append(sign)
        elif use.need is Need.REQUIRED and self._needs(use, place):
            self.signs.required.append(sign)
        else:
            self.signs.optional.append(sign)

    def _needs(self, use: GpuUse, place: Place) -> bool:
        """Whether the call would certainly use a GPU also where there is none."""
        run = self.runs.without_gpu
        if place.site is not None and not run.must_come_to(place.site):
            return False
        return self._counts(use, place, run) is True

    # Keywords and keys

    def _look_for_keywords(self) -> None:
        rows = self.rules.keywords
        names = frozenset(rows)
        for module in self.finder.modules:
            for name, value, at, span in _keyword_values(module, names):
                for keyword in map(self.rules.keyword, rows[name]):
                    if not keyword.imports or any(
                        module in self.finder.imports(root) for root in keyword.imports
                    ):
                        self._judge(keyword, value, at, span)
            if self._is_settled():
                return

    def _judge(self, keyword: Keyword, value: r.Expr, at: Site | Scope, span: Span) -> None:
        scope = at.scope if isinstance(at, Site) else at

        def fits(run: DefaultRun) -> bool | None:
            found = value_fits(keyword.value, value, scope, run)
            if found is False:
                return False
            comes = run.comes_to(at) if isinstance(at, Site) else self._is_run(span, at, run)
            return found if comes else False

        sign = Sign(scope.module, span)
        now = fits(self.runs.with_gpu)
        if now:
            if_there = any(takes_if_there(one) for one in self.runs.with_gpu.values(value, scope))
            required = not if_there and self._must_run(at) and fits(self.runs.without_gpu)
            (self.signs.required if required else self.signs.optional).append(sign)
        elif now is None:
            self.signs.unknown.append(sign)
        elif fits(self.runs.any_options) is not False:
            self.signs.off.append(sign)

    def _must_run(self, at: Site | Scope) -> bool:
        """Whether code that needs a GPU certainly runs; a variable by itself needs none."""
        return isinstance(at, Site) and self.runs.without_gpu.must_come_to(at)

    def _is_run(self, span: Span, scope: Scope, run: DefaultRun) -> bool:
        return run.enters(scope.function) and run.stands(span.start, scope) is not False

    # Variables that hold a device

    def _look_for_devices(self) -> None:
        """``device = "cuda" if … else "cpu"``, which is handed to code of the project."""
        for module in self.finder.modules:
            for scope in (module.scope, *module.scopes.values()):
                for name in _DEVICE_NAMES & scope.bindings.keys():
                    for binding in scope.bindings[name]:
                        value = binding.value
                        if binding.kind == "value" and isinstance(value, (r.Const, r.Conditional)):
                            self._judge_device(value, binding.scope)
            for name in _DEVICE_NAMES & module.attributes.keys():
                for assigned in module.attributes[name]:
                    if isinstance(assigned.value, (r.Const, r.Conditional)):
                        self._judge_device(assigned.value, assigned.scope)

    def _judge_device(self, value: r.Expr, scope: Scope) -> None:
        keyword = Keyword(("device",), "gpu", "")
        self._judge(keyword, value, scope, value.span)

    # What turns libraries off

    def _turned_off(self) -> Iterator[tuple[str, Sign]]:
        for off in self.rules.offs.rows(self.finder.libraries):
            for sign in self._calls_of_off(off):
                yield from ((library, sign) for library in off.libraries)
        for row in self.rules.off_variables:
            off = self.rules.off_variable(row)
            for sign in self._variables_of_off(off):
                yield from ((library, sign) for library in off.libraries)

    def _calls_of_off(self, off: Off) -> Iterator[Sign]:
        run = self.runs.with_gpu
        for place in self.finder.find(off):
            if self._runs(place, run) and any(
                condition_holds(condition, place, run) for condition in off.when
            ):
                yield Sign(place.module, place.span)

    def _variables_of_off(self, off: Off) -> Iterator[Sign]:
        run = self.runs.with_gpu
        for module in self.finder.modules:
            if module.has_main_guard and module is not self.program.script:
                continue  # another script, which what this one imports only happens to lie in
            for item in module.items:
                match item.receiver:
                    case r.Subscript(receiver, r.Const(key, _), span) if key == off.variable:
                        pass
                    case _:
                        continue
                if (
                    External("os.environ") in self.program.entities(receiver, item.scope)
                    and run.is_called(item.scope.function)
                    and run.stands(span.start, item.scope)
                    and all(value in off.values for value in run.values(item.value, item.scope))
                ):
                    yield Sign(module, span)

    def _asks_for_gpu(self) -> bool:
        return any(
            self.program.sites_named(name.rpartition(".")[2])
            for name in self.rules.probes["available"]
        )


_INDEXED = Use(
    source="pytorch.org/docs, torch.device",
    names=("torch.device", "torch.cuda.set_device"),
    methods=("cuda", "to"),
    when=as_conditions(["0:device=gpu"]),
)
_VISIBLE = "CUDA_VISIBLE_DEVICES"


def fixed_indices(program: Program, finder: UseFinder, runs: Runs) -> Iterator[tuple[Sign, int]]:
    """The places of a default run that choose a GPU by an index above 0; the first for each index."""
    run = runs.with_gpu
    seen: set[int] = set()
    for sign, index in _chosen_indices(program, finder, run):
        if index > 0 and index not in seen:
            seen.add(index)
            yield sign, index


def _chosen_indices(
    program: Program, finder: UseFinder, run: DefaultRun
) -> Iterator[tuple[Sign, int]]:
    for module in finder.modules:
        if module.has_main_guard and module is not program.script:
            continue
        for item in module.items:
            match item.receiver:
                case r.Subscript(_, r.Const(key, _), span) if key == _VISIBLE:
                    values = run.values(item.value, item.scope)
                    first = str(values[0]).partition(",")[0].strip()
                    if (
                        len(values) == 1
                        and first.isdigit()
                        and run.is_called(item.scope.function)
                        and run.stands(span.start, item.scope)
                    ):
                        yield Sign(module, span), int(first)
                        return  # indices count from what is visible
    for place in finder.find(_INDEXED):
        argument = argument_at(place.call, 0, "device")
        if argument is None or place.site is None or not run.comes_to(place.site):
            continue
        values = run.values(argument.value, place.scope)
        if len(values) == 1:
            index = _index(values[0], place.name)
            if index is not None:
                yield Sign(place.module, place.span), index


def _index(value: Value, name: str) -> int | None:
    if isinstance(value, Device):
        value = value.name
    if isinstance(value, str):
        kind, _, number = value.partition(":")
        return int(number) if kind == "cuda" and number.isdigit() else None
    # ``.to(1)`` may be of anything; ``.cuda(1)`` is a GPU.
    return value if type(value) is int and name != "to" else None


def _sign(use: GpuUse, place: Place) -> Sign:
    return Sign(place.module, place.span, place.call, not use.when or use.missing)


@kept_with_module
def _keyword_values(
    module: ModuleIndex, names: frozenset[str]
) -> tuple[tuple[str, r.Expr, Site | Scope, Span], ...]:
    """What is given to keywords and dictionary keys among ``names``, the same for all jobs: name, value, where."""
    return tuple(_find_keyword_values(module, names))


def _find_keyword_values(
    module: ModuleIndex, names: frozenset[str]
) -> Iterator[tuple[str, r.Expr, Site | Scope, Span]]:
    for site in module.sites:
        if site.name in _NOT_USES:
            continue
        for argument in site.call.args:
            if argument.keyword in names and argument.keyword is not None:
                yield argument.keyword, argument.value, site, argument.span
            for key, value, span in _items(argument.value, names):
                yield key, value, site, span
    for scope in (module.scope, *module.scopes.values()):
        for bindings in scope.bindings.values():
            for binding in bindings:
                if binding.kind == "value" and isinstance(binding.value, r.Mapping):
                    for key, value, span in _items(binding.value, names):
                        yield key, value, binding.scope, span
    for item in module.items:
        match item.receiver:
            case r.Subscript(_, r.Const(str() as key, _), span) if key in names:
                yield key, item.value, item.scope, span


def _items(expr: r.Expr, names: frozenset[str]) -> Iterator[tuple[str, r.Expr, Span]]:
    if isinstance(expr, r.Mapping):
        for key, value in expr.items:
            if isinstance(key, r.Const) and isinstance(key.value, str) and key.value in names:
                yield key.value, value, Span(key.span.start, value.span.end)
            yield from _items(value, names)


def canonical_name(name: str) -> str:
    """A qualified name as the rules spell it.

    For writers cupy is as good as numpy and cudf as pandas; here the difference is all that matters.
    """
    canonical = call_rules().canonical(name)
    return name if canonical.startswith(("numpy", "pandas")) else canonical
