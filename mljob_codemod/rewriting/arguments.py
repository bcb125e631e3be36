"""Inserting an argument into a call, in the way the call is written."""

from __future__ import annotations

import libcst as cst

from mljob_codemod.rewriting.precedence import in_parentheses

_NOTHING = cst.SimpleWhitespace("")
_SPACE = cst.SimpleWhitespace(" ")


def with_argument(call: cst.Call, argument: cst.Arg, *, first: bool) -> cst.Call:
    """``call`` with ``argument`` before all others or at the end, as far as the grammar lets it."""
    args = list(call.args)
    if len(args) == 1 and isinstance(args[0].value, cst.GeneratorExp) and not args[0].value.lpar:
        args[0] = args[0].with_changes(value=in_parentheses(args[0].value))
    index = _index(args, argument, first)
    if not args:
        return _only_argument(call, argument)
    if index == len(args):
        return call.with_changes(args=_appended(call, args, argument))
    lead = call.whitespace_before_args if index == 0 else _after(args[index - 1])
    if index == 0 and not _breaks_line(lead) and len(args) > 1:
        lead = _after(args[0])
    new = argument.with_changes(comma=cst.Comma(whitespace_after=_bare(lead)))
    return call.with_changes(args=[*args[:index], new, *args[index:]])


def argument_index(kinds: list[tuple[bool, bool]], keyword: bool, double: bool, first: bool) -> int:
    """Where a new argument goes among those whose (is a keyword, is a ``**``) are ``kinds``."""
    keywords = next((i for i, (is_keyword, _) in enumerate(kinds) if is_keyword), len(kinds))
    if double:
        return len(kinds)
    if not keyword:
        return 0 if first else keywords
    if first:
        return max((i + 1 for i, (is_keyword, _) in enumerate(kinds) if not is_keyword), default=0)
    end = len(kinds)
    while end and kinds[end - 1][1]:
        end -= 1
    return end


def _index(args: list[cst.Arg], argument: cst.Arg, first: bool) -> int:
    kinds = [(arg.keyword is not None or arg.star == "**", arg.star == "**") for arg in args]
    double = argument.star == "**"
    return argument_index(kinds, argument.keyword is not None or double, double, first)


def _only_argument(call: cst.Call, argument: cst.Arg) -> cst.Call:
    """The argument of a call that had none; a comment between the parentheses comes after it."""
    if not _breaks_line(call.whitespace_before_args):
        return call.with_changes(args=[argument])
    return call.with_changes(
        args=[argument.with_changes(whitespace_after_arg=call.whitespace_before_args)],
        whitespace_before_args=_NOTHING,
    )


def _appended(call: cst.Call, args: list[cst.Arg], argument: cst.Arg) -> list[cst.Arg]:
    last = args[-1]
    has_comma = isinstance(last.comma, cst.Comma)
    closing = _after(last)
    lead = call.whitespace_before_args if len(args) == 1 else _after(args[-2])
    between = _bare(lead)
    if isinstance(closing, cst.ParenthesizedWhitespace) and closing.first_line.comment is not None:
        # The comment at the end of the last argument's line stays there.
        if isinstance(between, cst.ParenthesizedWhitespace):
            between = between.with_changes(first_line=closing.first_line)
            closing = closing.with_changes(
                first_line=closing.first_line.with_changes(whitespace=_NOTHING, comment=None)
            )
    new = argument
    if has_comma:
        comma = cst.ensure_type(last.comma, cst.Comma)
        new = new.with_changes(comma=cst.Comma(whitespace_after=closing))
        last = last.with_changes(comma=comma.with_changes(whitespace_after=between))
    else:
        new = new.with_changes(whitespace_after_arg=closing)
        last = last.with_changes(
            comma=cst.Comma(whitespace_after=between), whitespace_after_arg=_NOTHING
        )
    return [*args[:-1], last, new]


def _after(arg: cst.Arg) -> cst.BaseParenthesizableWhitespace:
    """The whitespace between an argument, or its comma, and what follows."""
    if isinstance(arg.comma, cst.Comma):
        return arg.comma.whitespace_after
    return arg.whitespace_after_arg


def _breaks_line(space: cst.BaseParenthesizableWhitespace) -> bool:
    return isinstance(space, cst.ParenthesizedWhitespace)


def _bare(space: cst.BaseParenthesizableWhitespace) -> cst.BaseParenthesizableWhitespace:
    """The separator of arguments that ``space`` shows: a line break of the same indentation or a blank."""
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return _SPACE
    first_line = space.first_line.with_changes(whitespace=_NOTHING, comment=None)
    return space.with_changes(first_line=first_line, empty_lines=[])
