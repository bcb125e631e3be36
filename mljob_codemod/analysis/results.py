"""Which results a run writes, grouped by what in the source decides where they lie.

A place is a literal (or an expression built from one) or an option. All uses of a path go together:
a place that reads what another place writes moves with it. A place that also leads to an input of the
project must stay, and its writes are moved where they happen.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field, replace
from functools import cached_property, lru_cache

from mljob_codemod.analysis.names import argument_at
from mljob_codemod.analysis.options import Option
from mljob_codemod.analysis.path_uses import PathUse, Role
from mljob_codemod.analysis.path_values import PathValue, Root
from mljob_codemod.edits import Span
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules import Kind, Manner, Reader
from mljob_codemod.rules.cloud import output_variables
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import NOWHERE, ModuleIndex, Scope
from mljob_codemod.syntax.walking import last_name

_FIXED_ROOTS = (Root.LITERAL, Root.SCRIPT_FOLDER, Root.WORKING_FOLDER, Root.HOME)
_BRINGING = {
    "download": (), "maybe_download": (), "fetch": (),
    "extract": ("extract", "extractall", "extractfile", "unpack_archive", "namelist", "getmembers"),
    "unzip": (), "untar": (),
}  # fmt: skip
"""Beginnings of the names of functions that bring data, which are no results, and what those of one that means
other things too (``extract_features``) call."""
_COPYING = frozenset({"open", "write_bytes", "write_text", "write"})
"""The calls by which such functions write what they bring; other calls make something of it."""
_NO_FILES = re.compile(
    r"(/dev/|/proc/|/tmp/|/tmp$|/var/tmp/|-$|$|(?:.*/)?\.?cache(?:/|$)|/.*/site-packages/|/opt/ml/input/)"
)
"""Devices, standard output, temporary folders, caches, installed packages, the data of a SageMaker job: nobody
expects a result there."""


@dataclass(frozen=True, eq=False)
class Use:
    """One use of one value."""

    use: PathUse
    value: PathValue


@dataclass(eq=False)
class Place:
    """An expression that decides where results lie, and every use that goes through it."""

    scope: Scope
    node: r.Expr
    uses: list[Use] = field(default_factory=list)
    conflict: Use | None = None
    """A use that reads an input of the project through the same expression."""
    read_elsewhere: bool = False
    """Another script reads an input of its own through the same expression."""

    @property
    def moves(self) -> bool:
        """Whether the expression can be made to lead below the result path."""
        return self.conflict is None and not self.read_elsewhere

    @property
    def module(self) -> ModuleIndex:
        return self.scope.module

    @cached_property
    def texts(self) -> frozenset[str]:
        return frozenset(normal(use.value.text) for use in self.uses)

    @property
    def value(self) -> PathValue:
        return self.uses[0].value

    @property
    def writes(self) -> list[Use]:
        return [use for use in self.uses if use.use.role is Role.WRITE]


@dataclass(eq=False)
class OptionResult:
    """An option whose value is, or begins, the path of results."""

    option: Option
    uses: list[Use]
    kind: str
    scratch: bool
    needs_folder: bool
    """The option's folder must exist before anything is written there."""
    prefix_only: bool
    """The value only begins file names; where it ends, other text follows."""
    ending: str = ""
    """The ending that the file's name must have, or is said to have, where the option gives no name."""
    needs_parent: bool = False
    """The script makes the option's folder, but not those above it."""
    read_elsewhere: bool = False
    """Another script reads an input of its own through the option."""
    conflict: Use | None = None
    """A use that reads an input of the project below the option's default."""

    @property
    def moves(self) -> bool:
        """Whether the default can be made to lead below the result path."""
        return self.conflict is None and not self.read_elsewhere


@dataclass
class Results:
    """All that a run writes: fixed places that move, options, and uses that cannot be placed."""

    places: list[Place] = field(default_factory=list)
    options: list[OptionResult] = field(default_factory=list)
    unplaced: list[PathUse] = field(default_factory=list)
    scratch: set[Place] = field(default_factory=set)
    provided: frozenset[str] = frozenset()
    """Paths of files of the project that the run writes only where they are missing, and so does not write."""
    folders: dict[Place, str] = field(default_factory=dict)
    """Folders that the script expects to exist, by the place whose writes need them."""

    def place_of_default(self, option: Option, values: Iterable[PathValue]) -> Place | None:
        """The place that moves where an option's default stands: a constant that is used elsewhere too."""
        nodes = {value.node for value in values if value.node is not option.default}
        found = (place for place in self.places if place.node in nodes and place.moves)
        return next(found, None)


def normal(text: str) -> str:
    """A path without ``./`` and doubled separators; what stands for unknown parts is kept."""
    return os.path.normpath(text.replace("\\", "/")) if text else ""


def may_be_result(path: str) -> bool:
    """Whether somebody may expect a result at a path that a source names."""
    return _NO_FILES.match(path) is None


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"(<[^<>]*>|\*\*?|\?)", text)
    return re.compile(
        "".join(".*" if part[:1] in "<*?" and part else re.escape(part) for part in parts)
    )


def same_path(left: str, right: str) -> bool:
    """Whether two paths, with unknown parts, may be the same."""
    if left == right:
        return True
    return bool(_pattern(left).fullmatch(right) or _pattern(right).fullmatch(left))


def lies_below(path: str, folder: str) -> bool:
    """Whether ``path`` may lie below ``folder``."""
    if folder in ("", "."):
        return not path.startswith(("/", ".."))
    depth = folder.count("/") + 1
    head = "/".join(path.split("/")[:depth])
    return path.count("/") >= depth and same_path(head, folder)


def _is_telling(path: str) -> bool:
    """Whether more than a letter or two of a path is written in the source."""
    return len(re.findall(r"\w", re.sub(r"<[^<>]*>", "", path))) > 2


def _leads_to(path: str, written: str) -> bool:
    """Whether ``path`` may be what is ``written``; what goes to a path of which nothing is known could be anything."""
    return path == written or (
        _is_telling(path) and not is_unknown(_without_ending(written)) and same_path(path, written)
    )


class ResultFinder:
    """Sorts the uses of paths into results and inputs."""

    def __init__(
        self,
        uses: Iterable[PathUse],
        is_output_name: Callable[[Option], bool],
        is_never_output: Callable[[Option], bool],
        exists: Callable[[str], bool],
        defaults: Callable[[Option], tuple[PathValue, ...]],
        described_ending: Callable[[Option], str],
        read_elsewhere: Callable[[ModuleIndex, Span], bool] = lambda module, span: False,
    ) -> None:
        self._uses = list(uses)
        self._is_output_name = is_output_name
        self._is_never_output = is_never_output
        self._exists = exists
        self._defaults = defaults
        self._described_ending = described_ending
        self._read_elsewhere = read_elsewhere
        self._staying: set[str] = set()
        self._split_nodes: set[r.Expr] = set()
        self._fixed = [
            Use(use, _at_use(use, value))
            for use in self._uses
            for value in use.values
            if (value.root in _FIXED_ROOTS or value.reason in output_variables())
            and value.node is not None
            and value.scope is not None
            and (value.root is not Root.LITERAL or may_be_result(value.text))
        ]

    def find(self, options: Iterable[Option]) -> Results:
        """The results of the run."""
        results = Results()
        written = [
            use for use in self._fixed if use.use.role is Role.WRITE and not is_cache(use.use)
        ]
        results.provided = self._provided_texts(written)
        written_texts = {normal(use.value.text) for use in written if not use.use.makes_folder}
        written_texts -= results.provided
        results.options = list(self._option_results(options))
        for result in results.options:
            default = result.option.default
            result.read_elsewhere = default is not None and self._read_elsewhere(
                result.option.module, result.option.span
            )
            result.conflict = self._input_below(result)
            if not result.moves:
                self._staying |= self._texts_of(result)
            elif not any(use.use.role is Role.READ for use in result.uses):
                written_texts |= self._texts_of(result)
        results.unplaced = self._unplaced
        results.places = self._places(written_texts)
        results.scratch = self._scratch_places(results)
        results.folders = self._needed_folders(results)
        return results

    @cached_property
    def _unplaced(self) -> list[PathUse]:
        """The writes to paths whose beginning is not in the source."""
        return [
            use
            for use in self._uses
            if use.role is Role.WRITE
            and not is_cache(use)
            and not use.makes_folder
            and use.values
            and all(value.root is Root.UNKNOWN for value in use.values)
        ]

    # Places

    def _places(self, written_texts: set[str]) -> list[Place]:
        by_node: dict[tuple[str, r.Expr], Place] = {}
        for use in self._fixed:
            scope, node = use.value.scope, use.value.node
            assert scope is not None
            assert node is not None
            place = by_node.setdefault((scope.module.key, node), Place(scope, node))
            place.uses.append(use)
        for place in by_node.values():
            place.read_elsewhere = self._read_elsewhere(place.module, place.node.span)
        moved = {
            place
            for place in by_node.values()
            if any(not use.use.makes_folder and not is_cache(use.use) for use in place.writes)
            and not all(self._is_provided(write) for write in place.writes)
        }
        staying = self._staying_places(moved, by_node.values(), written_texts)
        written_texts = written_texts - self._staying
        moved -= staying
        self._add_related(moved, by_node.values(), written_texts)
        moved |= staying
        found: list[Place] = []
        for place in by_node.values():
            if place not in moved:
                continue
            if place not in staying:
                place.conflict = self._input_use(place, written_texts)
            if place.moves or place in staying:
                found.append(place)
            else:
                found.extend(self._split(place, written_texts))
        return [place for place in found if not any(_stands_in_for(each, place) for each in found)]

    def _staying_places(
        self, places: set[Place], all_places: Iterable[Place], written: set[str]
    ) -> set[Place]:
        """Those of ``places`` that cannot move for the sake of another script, with all that lead to the same files."""
        staying = {
            place
            for place in places
            if place.read_elsewhere and place in self._split(place, written)
        }
        self._staying |= {
            normal(use.value.text)
            for place in all_places
            if place.read_elsewhere and place not in places
            for use in place.uses
            if use.use.role is Role.READ and normal(use.value.text) in written
        }
        grown = bool(staying or self._staying)
        while grown:
            self._staying |= {text for place in staying for text in place.texts}
            more = {
                place
                for place in places - staying
                if any(_related(text, self._staying) for text in place.texts)
            }
            for place in more:
                place.read_elsewhere = True
            staying |= more
            grown = bool(more)
        return staying

    def _is_provided(self, write: Use) -> bool:
        """Whether the project has the file, and the script writes it only where it is missing."""
        return self._exists(write.value.text) and _fills_cache(
            write, self._uses_of_path.get(normal(write.value.text), [])
        )

    @cached_property
    def _uses_of_path(self) -> dict[str, list[Use]]:
        found: dict[str, list[Use]] = {}
        for use in self._fixed:
            found.setdefault(normal(use.value.text), []).append(use)
        return found

    def _provided_texts(self, written: list[Use]) -> frozenset[str]:
        """The paths that are written only where the project does not have them, and by no other call."""
        files = [use for use in written if not use.use.makes_folder]
        texts = {normal(use.value.text): True for use in files}
        for use in files:
            texts[normal(use.value.text)] &= self._is_provided(use)
        return frozenset(text for text, provided in texts.items() if provided)

    def _add_related(
        self, moved: set[Place], all_places: Iterable[Place], written_texts: set[str]
    ) -> None:
        """Add the places that read, list or make what the moved ones write, or lead to the same."""
        folders = {folder for text in written_texts for folder in _folders_above(text)}
        waiting = [
            place
            for place in all_places
            if place not in moved
            and not place.read_elsewhere
            and not any(text in ("", ".") for text in place.texts)
            and not self._is_unknown_input(place, written_texts)
        ]
        for place in waiting:
            if all(self._touches_results(use, written_texts, folders) for use in place.uses) or (
                self._only_makes_folders(place)
            ):
                moved.add(place)
        made = {text for place in moved if place.writes for text in place.texts}
        for place in waiting:
            if place not in moved and all(
                any(_leads_to(text, other) for other in made) and not self._exists(text)
                for text in place.texts
            ):
                moved.add(place)

    def _is_unknown_input(self, place: Place, written: set[str]) -> bool:
        """Whether ``place`` is only read and might be anything: more likely an input than a result."""
        return all(
            use.use.role is Role.READ
            and is_unknown(normal(use.value.text))
            and normal(use.value.text) not in written
            for use in place.uses
        )

    def _only_makes_folders(self, place: Place) -> bool:
        """Whether a new folder is made through ``place``, and nothing is seen to read from it.

        It stays where it is when a path that cannot move may lead into it.
        """
        return not self._unplaced and (
            any(use.use.makes_folder for use in place.uses)
            and not any(
                use.use.role is Role.READ and use.use.rule.kind is not Kind.DIRECTORY
                for use in place.uses
            )
            and not self._exists(place.value.text)
            and not any(
                same_path(text, folder) or lies_below(text, folder)
                for folder in place.texts
                for text in self._cached_texts | self._staying
            )
        )

    @cached_property
    def _cached_texts(self) -> set[str]:
        """The paths of caches and downloads: the folders made for them are no results either."""
        return {
            normal(use.value.text)
            for use in self._fixed
            if use.use.role is Role.WRITE and is_cache(use.use)
        }

    def _touches_results(self, use: Use, written: set[str], folders: set[str]) -> bool:
        text = normal(use.value.text)
        if any(_leads_to(text, target) for target in written):
            return not (use.use.role is Role.READ and self._exists(use.value.text))
        if any(_leads_to(text, folder) for folder in folders):
            return use.use.makes_folder or not self._exists(use.value.text)
        return any(not is_unknown(target) and lies_below(text, target) for target in written)

    def _input_use(self, place: Place, written: set[str]) -> Use | None:
        """A use through ``place`` that reads what the run has not written."""
        for use in place.uses:
            if use.use.role is not Role.READ:
                continue
            text = normal(use.value.text)
            # A name that may also stand for something on a hub is the run's own only as a whole.
            own = any(
                same_path(text, target)
                or (not _may_be_a_name(use.use) and _is_above_or_below(text, target))
                for target in written
            )
            if not own or self._exists(use.value.text):
                return use
        return next(self._inputs_written(place), None)

    def _inputs_written(self, place: Place) -> Iterator[Use]:
        """Reads, by other expressions, of a file of the project that ``place`` writes again."""
        for write in place.writes:
            text = normal(write.value.text)
            if write.use.makes_folder or not self._exists(write.value.text):
                continue
            for use in self._fixed:
                if use.use.role is Role.READ and normal(use.value.text) == text:
                    same_scope = use.use.site.scope is write.use.site.scope
                    later = use.use.site.call.span.start > write.use.site.call.span.start
                    if not (same_scope and later):
                        yield use

    def _split(self, place: Place, written: set[str]) -> Iterator[Place]:
        """Places of single uses, where the common expression must stay as it is."""
        by_argument: dict[r.Expr, Place] = {}
        whole = False
        for use in place.uses:
            argument = use.use.argument
            if argument is None or argument is place.node:
                whole |= use in place.writes and not use.use.makes_folder
                continue
            text = normal(use.value.text)
            is_own = any(same_path(text, target) for target in written)
            whole |= is_own and self._read_elsewhere(use.use.site.scope.module, argument.span)
            if use.use.role is Role.READ and (not is_own or self._exists(use.value.text)):
                continue
            if use.use.role is not Role.WRITE and not is_own:
                continue
            if use.use.role is Role.WRITE and use.use.makes_folder:
                continue
            if any(value.node is not place.node for value in use.use.values):
                whole = True
                continue
            single = by_argument.setdefault(argument, Place(use.use.site.scope, argument))
            single.uses.append(use)
        if place.read_elsewhere and whole:
            yield place
        elif by_argument and not any(True for _ in self._inputs_written(place)):
            self._split_nodes.add(place.node)
            yield from by_argument.values()
        else:
            yield place

    def _scratch_places(self, results: Results) -> set[Place]:
        """Places that a stage mount would refuse, with all that share a path with them.

        Options with such a path are marked in the same way.
        """
        scratch = {
            place
            for place in results.places
            if any(use.use.manner(use.value) is not Manner.SEQUENTIAL for use in place.writes)
        }
        option_texts = {result.option: self._texts_of(result) for result in results.options}
        grown = True
        while grown:
            texts = {text for place in scratch for text in place.texts}
            for result in results.options:
                if result.scratch:
                    texts |= option_texts[result.option]
            more = {
                place
                for place in results.places
                if place not in scratch and any(_related(text, texts) for text in place.texts)
            }
            marked = [
                result
                for result in results.options
                if not result.scratch
                and any(_related(text, texts) for text in option_texts[result.option])
            ]
            for result in marked:
                result.scratch = True
            scratch |= more
            grown = bool(more or marked)
        return scratch

    def _texts_of(self, result: OptionResult) -> set[str]:
        """The paths that are written through an option when it is left at its default."""
        folder = self._default_text(result.option)
        if folder in ("", "."):
            return set()
        return {
            normal(folder + use.value.text)
            for use in result.uses
            if use.use.role is Role.WRITE and not use.use.makes_folder and not is_cache(use.use)
        }

    def _input_below(self, result: OptionResult) -> Use | None:
        """A use that reads a file of the project, which the run does not write, below an option's default folder."""
        folder = self._default_text(result.option)
        if result.kind != "directory" or folder in ("", "."):
            return None
        written = self._texts_of(result)
        for use in result.uses:
            text = normal(folder + use.value.text)
            if use.use.role is Role.READ and use.use.rule.kind is not Kind.DIRECTORY:
                own = any(same_path(text, other) or lies_below(text, other) for other in written)
                if not own and "<" not in text and self._exists(text):
                    return use
        return None

    def _default_text(self, option: Option) -> str:
        """The path that is an option's default, as far as it is one that a rewrite moves."""
        values = self._defaults(option)
        return normal(values[0].text) if values and values[0].root is Root.LITERAL else ""

    def _needed_folders(self, results: Results) -> dict[Place, str]:
        made = [
            (use.use, normal(use.value.text))
            for use in self._fixed
            if (use.use.makes_folder or use.use.creates_parents)
            and use.value.node not in self._split_nodes
        ]
        needed: dict[Place, str] = {}
        for result in results.options:
            place = results.place_of_default(result.option, self._defaults(result.option))
            if place is not None and result.needs_folder:
                needed[place] = self._default_text(result.option)
        for place in results.places:
            for use in place.writes:
                if not use.use.needs_parent and (use.use.makes_folder or use.use.creates_parents):
                    continue
                folder = normal(use.value.text).rpartition("/")[0]
                folder = folder.partition("<")[0]
                if "<" in normal(use.value.text).rpartition("/")[0]:
                    folder = folder.rpartition("/")[0]
                if folder.strip("./~") and not any(
                    _covers(made_by, target, folder) for made_by, target in made
                ):
                    needed[place] = folder
        return needed

    # Options

    def _option_results(self, options: Iterable[Option]) -> Iterator[OptionResult]:
        uses: dict[Option, list[Use]] = {}
        parts: set[Option] = set()
        moved: set[Option] = set()
        for use in self._uses:
            for value in use.values:
                if value.option is not None:
                    uses.setdefault(value.option, []).append(Use(use, value))
                if value.root is Root.RESULT:
                    moved.update(value.prefixes)
                if use.role is Role.WRITE and not is_cache(use) and value.root is Root.OPTION:
                    parts.update(value.components)
        for option in options:
            found = uses.get(option, [])
            writes = [use for use in found if use.use.role is Role.WRITE]
            results = [use for use in writes if not is_cache(use.use)]
            reads = [use for use in found if use.use.role is Role.READ]
            if reads and results and all(_fills_cache(use, found) for use in results):
                continue
            if option.switch or _is_numbers(option.default):
                continue
            if option in moved and option not in uses:
                yield OptionResult(option, [], "prefix", False, False, True)
                continue
            if _is_opened_for_writing(option):
                yield OptionResult(option, found, "file", _is_appended(option), False, False)
                continue
            if self._is_never_output(option) and reads:
                continue  # a cache beside the data that the option names
            writes_files = any(not use.use.makes_folder for use in results)
            makes_folders = bool(results) and not self._is_never_output(option) and not reads
            if writes_files or makes_folders:
                yield self._option_result(option, found, results)
                continue
            given = any(value.reason in output_variables() for value in self._defaults(option))
            named = given or ((not found or option in parts) and self._is_output_name(option))
            part = option in parts and not reads and not self._is_never_output(option)
            if named or part:
                yield OptionResult(option, found, "directory", False, False, False)

    def _option_result(self, option: Option, uses: list[Use], writes: list[Use]) -> OptionResult:
        direct = [use for use in writes if use.value.text in ("", "/")]
        prefixed = [use for use in writes if use.value.prefix]
        below = [use for use in writes if use not in direct and use not in prefixed]
        if below or any(use.use.rule.kind is Kind.DIRECTORY for use in direct):
            kind = "directory"
        elif direct:
            kind = "prefix" if direct[0].use.rule.kind is Kind.PREFIX else "file"
        else:
            kind = "prefix"
        made = any(
            use.use.creates_parents or (use.use.makes_folder and not use.use.needs_parent)
            for use in writes
        )
        made_alone = any(use.use.needs_parent for use in direct)
        ending = self._ending(option, direct) if kind == "file" else ""
        scratch = any(
            use.use.manner(replace(use.value, text=use.value.text + ending))
            is not Manner.SEQUENTIAL
            for use in writes
        )
        return OptionResult(
            option=option,
            uses=uses,
            kind=kind,
            scratch=scratch,
            needs_folder=kind == "directory" and not made and not made_alone,
            ending=ending,
            needs_parent=made_alone and not made,
            prefix_only=bool(prefixed) and not direct and not below,
        )

    def _ending(self, option: Option, writes: list[Use]) -> str:
        """The ending for the file of an option that has no default."""
        if not option.required:
            return ""
        needed = [use.use.writer.needs_ending for use in writes if use.use.writer is not None]
        return next(filter(None, needed), "") or self._described_ending(option)


def _at_use(use: PathUse, value: PathValue) -> PathValue:
    """The value with the call's argument as its place, where its own expression must stay."""
    written = value.node is None or value.node.span != NOWHERE
    if use.argument is None or (written and not value.at_use):
        return value
    return replace(value, node=use.argument, scope=use.site.scope, via=None, built=True)


def _file_mode(option: Option) -> str:
    """The mode in which the option's type opens the file (``FileType("w")``, ``click.File("w")``)."""
    kind = option.type
    if not isinstance(kind, r.Call) or last_name(kind.func) not in ("FileType", "File"):
        return ""
    mode = argument_at(kind, 0, "mode")
    if mode is None or not isinstance(mode.value, r.Const):
        return "r"
    return str(mode.value.value)


def _is_opened_for_writing(option: Option) -> bool:
    return not set("wxa").isdisjoint(_file_mode(option))


def _is_appended(option: Option) -> bool:
    return "a" in _file_mode(option)


def _fills_cache(write: Use, uses: list[Use]) -> bool:
    """Whether the write stands where a test found that the same path is not there: it is read next time."""
    tests = {use.use.site.call for use in uses if use.use.role is Role.PROBE}
    for guard in write.use.site.guards:
        test, holds = guard.test, guard.holds
        while isinstance(test, r.Not):
            test, holds = test.value, not holds
        if not holds and test in tests:
            return True
    return False


def _may_be_a_name(use: PathUse) -> bool:
    return isinstance(use.rule, Reader) and use.rule.name_or_path


def _is_above_or_below(text: str, other: str) -> bool:
    return lies_below(text, other) or lies_below(other, text)


def is_cache(use: PathUse) -> bool:
    """Whether what is written is a cache or a download, which nobody misses."""
    if use.writer is not None and use.writer.cache:
        return True
    if not use.makes_folder and use.name.rpartition(".")[2] not in _COPYING:
        return False
    function = use.site.scope.function
    while function is not None and isinstance(function.node, r.FunctionDef):
        if _brings_data(function, function.node.name.strip("_")):
            return True
        function = None if function.parent is None else function.parent.function
    return False


def _brings_data(function: Scope, name: str) -> bool:
    """Whether a function is called like one that downloads or unpacks, and calls what that takes."""
    calls = next((calls for start, calls in _BRINGING.items() if name.startswith(start)), None)
    return calls is not None and (
        not calls
        or any(
            site.scope.function is function
            for call in calls
            for site in function.module.sites_by_name.get(call, ())
        )
    )


def _folders_above(text: str) -> Iterator[str]:
    folder = text.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _related(text: str, others: set[str]) -> bool:
    return any(same_path(text, other) or _is_above_or_below(text, other) for other in others)


def _stands_in_for(variable: Place, default: Place) -> bool:
    """Whether ``default`` is what another platform's ``variable`` has elsewhere: a job comes to neither."""
    outer, inner = variable.node.span, default.node.span
    return (
        variable is not default
        and variable.conflict is None
        and variable.value.root is Root.ENVIRONMENT
        and variable.module is default.module
        and outer.start <= inner.start
        and inner.end <= outer.end
    )


def _without_ending(path: str) -> str:
    """A path without the ending of its file, which says little of where it lies."""
    return re.sub(r"(?<=>)\.\w+$", "", path)


def is_unknown(text: str) -> bool:
    """Whether nothing of a path is known but where it starts: it may be anything there."""
    return re.fullmatch(r"(<[^<>]*>|[/.*?])+", text) is not None


def _is_numbers(default: r.Expr | None) -> bool:
    """Whether a default is a text of numbers: ``"16000,11000"``."""
    text = default.value if isinstance(default, r.Const) else None
    return isinstance(text, str) and re.fullmatch(r"[\d\s,.:x-]*\d[\d\s,.:x-]*", text) is not None


def _covers(use: PathUse, made: str, folder: str) -> bool:
    """Whether a call that makes ``made`` leaves ``folder`` there."""
    return same_path(made, folder) or (not use.needs_parent and lies_below(made, folder))
