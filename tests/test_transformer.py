"""Edits carried out on one file: what comes out, character by character, and what the proof refuses.

In the sources ``«`` and ``»`` mark the nodes of edits, which are made from the marked spans in the order in which
they open.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import libcst as cst
import pytest

from mljob_codemod.edits import (
    AddHelper,
    AddImport,
    AppendToBlock,
    AssignValue,
    Edit,
    HelperText,
    InsertArgument,
    InsertStatement,
    RenameAttribute,
    ReplaceArgument,
    ReplaceExpression,
    ReplaceStatement,
    Span,
)
from mljob_codemod.errors import InputError, ToolFault
from mljob_codemod.rewriting import transformer
from mljob_codemod.rewriting.imports import NameTaken
from mljob_codemod.rewriting.proof import Applied, prove
from mljob_codemod.rewriting.transformer import rewrite
from mljob_codemod.source import Source, decode_source, parse_ast, parse_cst, read_source
from mljob_codemod.syntax.positions import NodeSpans
from tests.fixture_case import FIXTURES

Make = Callable[[Span], Edit]

HELPERS = {
    "place": HelperText("def place(path):\n    return os.path.join(path)\n", ("os",)),
    "long": HelperText(
        'def long(path):\n    """Say.\n\n    More.\n    """\n    if path:\n        return 1\n', ()
    ),
}


class Example(NamedTuple):
    """A rewrite: the marked source, the edits made from its marks, and the text that comes out."""

    id: str
    before: str
    edits: tuple[Make | Edit, ...]
    after: str


def marked(text: str) -> tuple[str, list[Span]]:
    """The text without its marks, and the spans they enclose."""
    plain = ""
    spans: list[Span] = []
    open_marks: list[int] = []
    for character in text:
        if character == "«":
            open_marks.append(len(spans))
            spans.append(Span(len(plain), -1))
        elif character == "»":
            number = open_marks.pop()
            spans[number] = Span(spans[number].start, len(plain))
        else:
            plain += character
    assert not open_marks
    return plain, spans


def source_of(text: str, encoding: str = "utf-8") -> Source:
    return decode_source(text.encode(encoding), Path("train.py"), "train.py")


def prepared(example: Example) -> tuple[Source, list[Edit]]:
    text, spans = marked(example.before)
    rest = iter(spans)
    edits = [edit(next(rest)) if callable(edit) else edit for edit in example.edits]
    assert not list(rest), "every mark belongs to an edit"
    return source_of(text), edits


def wrap(template: str = "f(__original__)") -> Make:
    return lambda span: ReplaceExpression(span, template)


def assign(target: str = "r") -> Make:
    return lambda span: AssignValue(span, target)


def argument(text: str, *, first: bool = False) -> Make:
    return lambda span: InsertArgument(span, text, first)


def statement(text: str, *, after: bool = False) -> Make:
    return lambda span: InsertStatement(span, text, after)


def instead(template: str) -> Make:
    return lambda span: ReplaceStatement(span, template)


def append(text: str) -> Make:
    return lambda span: AppendToBlock(span, text)


EXPRESSIONS = [
    Example("literal", 'x = «"a"»\n', (wrap(),), 'x = f("a")\n'),
    Example("value of a keyword argument", 'g(k=«"a"»)\n', (wrap(),), 'g(k=f("a"))\n'),
    Example("positional argument", 'g(1, «"a"», 2)\n', (wrap(),), 'g(1, f("a"), 2)\n'),
    Example("index", 'd[«"a"»]\n', (wrap(),), 'd[f("a")]\n'),
    Example("element of a list", '[«"a"», 1]\n', (wrap(),), '[f("a"), 1]\n'),
    Example("value in a dictionary", '{"k": «"a"»}\n', (wrap(),), '{"k": f("a")}\n'),
    Example("default of a parameter", 'def g(a=«"b"»): pass\n', (wrap(),), 'def g(a=f("b")): pass\n'),
    Example("argument of a decorator", '@d(«"a"»)\ndef g(): ...\n', (wrap(),), '@d(f("a"))\ndef g(): ...\n'),
    Example("decorator of a class", '@d(«"a"»)\nclass G: ...\n', (wrap(),), '@d(f("a"))\nclass G: ...\n'),
    Example("context manager", 'with o(«"a"») as b: pass\n', (wrap(),), 'with o(f("a")) as b: pass\n'),
    Example("value of a walrus", 'if (n := «g()»): pass\n', (wrap(),), 'if (n := f(g())): pass\n'),
    Example("f-string", 'x = «f"a{b}"»\n', (wrap(),), 'x = f(f"a{b}")\n'),
    Example("inside an f-string", 'x = f"a{«b»}c"\n', (wrap(),), 'x = f"a{f(b)}c"\n'),
    Example("condition inside an f-string", 'x = f"{«b»!r:>{w}}"\n', (wrap("b if c else d"),), 'x = f"{b if c else d!r:>{w}}"\n'),
    Example("raw string", 'x = «r"a\\b"»\n', (wrap(),), 'x = f(r"a\\b")\n'),
    Example("joined literals", 'x = («"a"\n     "b"»)  # c\n', (wrap(),), 'x = (f("a"\n     "b"))  # c\n'),
    Example("other text", 'x = «"a"»\n', (wrap('"b"'),), 'x = "b"\n'),
    Example("used twice", 'x = «"a"»\n', (wrap("f(__original__) if c else __original__"),), 'x = f("a") if c else "a"\n'),
    Example("used twice and changed inside", 'x = «g(«"a"»)»\n', (wrap("__original__.h() if c else __original__"), wrap()), 'x = g(f("a")).h() if c else g(f("a"))\n'),
    Example("own parentheses stay", 'x = (  # why\n    «"a"»  # b\n)\n', (wrap(),), 'x = (  # why\n    f("a")  # b\n)\n'),
    Example("several lines in brackets", "g(\n    «a +\n    b»,  # c\n)\n", (wrap(),), "g(\n    f(a +\n    b),  # c\n)\n"),
    Example("nested", 'x = «g(«"a"»)»\n', (wrap(), wrap("h(__original__)")), 'x = f(g(h("a")))\n'),
    Example("wrapped and given an argument", "x = ««g()»»\n", (argument("1"), wrap()), "x = f(g(1))\n"),
    Example("tuple", "g(«1, 2»)\n".replace("«1, 2»", "(«1, 2»)"), (wrap(),), "g(f((1, 2)))\n"),
    Example("bare tuple", "x = «1, 2»\n", (wrap(),), "x = f((1, 2))\n"),
    Example("bare generator", "g(«a for a in b»)\n", (wrap(),), "g(f((a for a in b)))\n"),
    Example("bare generator on lines of its own", "if a:\n    g(\n        «a for a in b»\n    )\n", (wrap(),), "if a:\n    g(\n        f((a for a in b))\n    )\n"),
    Example("tuple on lines of its own", "if a:\n\tg((  # c\n\t\t«1,\n\t\t2,»\n\t))\n", (wrap(),), "if a:\n\tg(f((  # c\n\t\t1,\n\t\t2,\n\t)))\n"),
    Example("characters outside ASCII before", 'ä = "é"; x = «"ü"»\n', (wrap(),), 'ä = "é"; x = f("ü")\n'),
    Example("continued with a backslash", 'x = \\\n    «"a"» + \\\n    b\n', (wrap(),), 'x = \\\n    f("a") + \\\n    b\n'),
    Example("form feed", 'a\n\x0c\nx = «"a"»\n', (wrap(),), 'a\n\x0c\nx = f("a")\n'),
    Example("no final newline", 'x = «"a"»', (wrap(),), 'x = f("a")'),
    Example("mixed newlines", 'a\r\nx = «"a"»\nb\r\n', (wrap(),), 'a\r\nx = f("a")\nb\r\n'),
    Example("in a type alias of a class body", 'class A:\n\tp: str = «"a"»  # c\n', (wrap(),), 'class A:\n\tp: str = f("a")  # c\n'),
    Example("in a match statement", 'match a:\n    case 1:\n        x = «"a"»\n', (wrap(),), 'match a:\n    case 1:\n        x = f("a")\n'),
    Example("in an except handler", 'try:\n    pass\nexcept E:\n    g(«"a"»)\n', (wrap(),), 'try:\n    pass\nexcept E:\n    g(f("a"))\n'),
    Example("in an elif", 'if a: pass\nelif g(«"a"»): pass\nelse: pass\n', (wrap(),), 'if a: pass\nelif g(f("a")): pass\nelse: pass\n'),
    Example("in a comprehension", '[«a» for a in b if «a»]\n', (wrap(), wrap()), '[f(a) for a in b if f(a)]\n'),
    Example("in a lambda", 'x = lambda: «"a"»\n', (wrap("b or __original__"),), 'x = lambda: b or "a"\n'),
]  # fmt: skip

CHOICE = "a if c else __original__"
PRECEDENCE = [
    Example("condition in an addition", 'x = «"a"» + b\n', (wrap(CHOICE),), 'x = (a if c else "a") + b\n'),
    Example("condition on the right", 'x = b + «"a"»\n', (wrap(CHOICE),), 'x = b + (a if c else "a")\n'),
    Example("condition before an attribute", 'x = «"a"».b\n', (wrap(CHOICE),), 'x = (a if c else "a").b\n'),
    Example("condition before an index", "x = «a»[0]\n", (wrap(CHOICE),), "x = (a if c else a)[0]\n"),
    Example("condition that is called", "«g»(0)\n", (wrap(CHOICE),), "(a if c else g)(0)\n"),
    Example("condition as an argument", 'g(«"a"»)\n', (wrap(CHOICE),), 'g(a if c else "a")\n'),
    Example("condition as a test", 'x = 1 if «b» else 2\n', (wrap(CHOICE),), 'x = 1 if (a if c else b) else 2\n'),
    Example("condition as an alternative", 'x = 1 if b else «d»\n', (wrap(CHOICE),), 'x = 1 if b else a if c else d\n'),
    Example("condition as an operand of or", "x = «b» or d\n", (wrap(CHOICE),), "x = (a if c else b) or d\n"),
    Example("condition under not", "x = not «b»\n", (wrap(CHOICE),), "x = not (a if c else b)\n"),
    Example("condition in a comparison", "x = b == «d»\n", (wrap(CHOICE),), "x = b == (a if c else d)\n"),
    Example("condition in parentheses", "x = («b») + d\n", (wrap(CHOICE),), "x = (a if c else b) + d\n"),
    Example("condition as an iterable", "[i for i in «b»]\n", (wrap(CHOICE),), "[i for i in (a if c else b)]\n"),
    Example("condition awaited", "async def g(): await «b»\n", (wrap(CHOICE),), "async def g(): await (a if c else b)\n"),
    Example("or in an and", "x = «b» and d\n", (wrap("__original__ or e"),), "x = (b or e) and d\n"),
    Example("or in an or, left", "x = «b» or d\n", (wrap("__original__ or e"),), "x = (b or e) or d\n"),
    Example("quotient on the right of a product", "x = b * «d»\n", (wrap("__original__ / e"),), "x = b * (d / e)\n"),
    Example("quotient on the left of a product", "x = «b» * d\n", (wrap("__original__ / e"),), "x = b / e * d\n"),
    Example("power", "x = «b» ** d\n", (wrap("-__original__"),), "x = (-b) ** d\n"),
    Example("original of lower precedence", "x = «b or d»\n", (wrap("p / __original__"),), "x = p / (b or d)\n"),
    Example("original called upon", "x = «b + d»\n", (wrap("__original__.e()"),), "x = (b + d).e()\n"),
    Example("number called upon", "x = «1»\n", (wrap("__original__.e"),), "x = (1).e\n"),
    Example("lambda as the original", "x = «lambda: 0»\n", (wrap("__original__ or e"),), "x = (lambda: 0) or e\n"),
    Example("walrus as the template", "g(«a»)\n", (wrap("(r := __original__)"),), "g((r := a))\n"),
    Example("word before", 'def g():\n    return«"a"»\n', (wrap(),), 'def g():\n    return(f("a"))\n'),
    Example("word behind", 'x = «"a"»if b else c\n', (wrap("__original__ or d"),), 'x = ("a" or d)if b else c\n'),
]  # fmt: skip

ASSIGNMENTS = [
    Example("call", "«main()»\n", (assign(),), "r = main()\n"),
    Example("assignment", "«a = main()»\n", (assign(),), "r = a = main()\n"),
    Example("unpacking", "«a, b = main()»\n", (assign(),), "r = a, b = main()\n"),
    Example("annotated assignment", "«a: int = main()»\n", (assign(),), "a: int = (r := main())\n"),
    Example("annotated tuple", "«a: tuple = 1, 2»\n", (assign(),), "a: tuple = (r := (1, 2))\n"),
    Example("one-line guard", "if a: «main()»\n", (assign(),), "if a: r = main()\n"),
    Example("between semicolons", "a(); «main()»; b();\n", (assign(),), "a(); r = main(); b();\n"),
    Example("several lines", "if a:\n\t«main(\n\t\t1,  # one\n\t)»  # c\n", (assign(),), "if a:\n\tr = main(\n\t\t1,  # one\n\t)  # c\n"),
    Example("in parentheses", "«(main())»\n", (assign(),), "r = (main())\n"),
    Example("awaited", "async def g():\n    «await h()»\n", (assign(),), "async def g():\n    r = await h()\n"),
    Example("with an argument", "««main()»»\n", (assign(), argument("k=1")), "r = main(k=1)\n"),
    Example("two names", "««main()»»\n", (assign("a"), assign("b")), "b = a = main()\n"),
    Example("windows newlines, no last one", "if a:\r\n    «main()»", (assign(),), "if a:\r\n    r = main()"),
]  # fmt: skip

ARGUMENTS = [
    Example("only one", "«g()»\n", (argument("k=1"),), "g(k=1)\n"),
    Example("only one beside a comment", "«g(\n    # none\n)»\n", (argument("k=1"),), "g(k=1\n    # none\n)\n"),
    Example("last", "«g(a)»\n", (argument("k=1"),), "g(a, k=1)\n"),
    Example("last after a comma", "«g(a,)»\n", (argument("k=1"),), "g(a, k=1,)\n"),
    Example("one a line with a comma", "«g(\n    a,\n    b=1,\n)»\n", (argument("k=1"),), "g(\n    a,\n    b=1,\n    k=1,\n)\n"),
    Example("one a line without a comma", "«g(\n    a,\n    b=1\n)»\n", (argument("k=1"),), "g(\n    a,\n    b=1,\n    k=1\n)\n"),
    Example("first of one a line", "«g(\n    a,\n    b,\n)»\n", (argument("1", first=True),), "g(\n    1,\n    a,\n    b,\n)\n"),
    Example("comment behind the last", "«g(\n    a,\n    b  # why\n)»\n", (argument("k=1"),), "g(\n    a,\n    b,  # why\n    k=1\n)\n"),
    Example("comment behind the last comma", "«g(\n    a,  # why\n)»\n", (argument("k=1"),), "g(\n    a,  # why\n    k=1,\n)\n"),
    Example("comment below the last", "«g(\n    a,\n    # b,\n)»\n", (argument("k=1"),), "g(\n    a,\n    k=1,\n    # b,\n)\n"),
    Example("comment before the first", "«g(  # why\n    a,\n)»\n", (argument("1", first=True),), "g(  # why\n    1,\n    a,\n)\n"),
    Example("hanging", "«g(a,\n  b=1)»\n", (argument("k=1"),), "g(a,\n  b=1,\n  k=1)\n"),
    Example("tabs and windows newlines", "if a:\r\n\t«g(\r\n\t\ta,\r\n\t)»\r\n", (argument("k=1"),), "if a:\r\n\tg(\r\n\t\ta,\r\n\t\tk=1,\r\n\t)\r\n"),
    Example("keyword before two stars", "«g(a, **k)»\n", (argument("k=1"),), "g(a, k=1, **k)\n"),
    Example("keyword before two stars on lines", "«g(\n    a,  # c\n    **k,\n)»\n", (argument("k=1"),), "g(\n    a,  # c\n    k=1,\n    **k,\n)\n"),
    Example("keyword after two stars in the middle", "«g(**k, b=1)»\n", (argument("k=1"),), "g(**k, b=1, k=1)\n"),
    Example("two stars go last", "«g(a, **k)»\n", (argument("**{}", first=True),), "g(a, **k, **{})\n"),
    Example("positional before keywords", "«g(a, b=1)»\n", (argument("2"),), "g(a, 2, b=1)\n"),
    Example("first keyword after positionals", "«g(a, *b, c=1)»\n", (argument("k=1", first=True),), "g(a, *b, k=1, c=1)\n"),
    Example("generator gets parentheses", "«g(a for a in b)»\n", (argument("k=1"),), "g((a for a in b), k=1)\n"),
    Example("generator on lines of its own", "if a:\n    «g(\n        a for a in b\n    )»\n", (argument("k=1"),), "if a:\n    g(\n        (a for a in b),\n        k=1\n    )\n"),
    Example("several keep their order", "««««g(a)»»»»\n", (argument("1", first=True), argument("2", first=True), argument("k=1"), argument("m=2")), "g(1, 2, a, k=1, m=2)\n"),
    Example("inside a decorator", "@«o(a)»\ndef g(): ...\n", (argument("k=1"),), "@o(a, k=1)\ndef g(): ...\n"),
    Example("into an inner call", "g(«h()».i(1))\n", (argument("k=1"),), "g(h(k=1).i(1))\n"),
    Example("beside an argument that changes", "«g(a=«1»)»\n", (argument("k=1"), wrap("2")), "g(a=2, k=1)\n"),
]  # fmt: skip

STATEMENTS = [
    Example("before", "«a»\n", (statement("s()"),), "s()\na\n"),
    Example("after", "«a»  # c\nb\n", (statement("s()", after=True),), "a  # c\ns()\nb\n"),
    Example("comments stay on their statement", "z\n\n# c\n«a»\n", (statement("s()"),), "z\n\ns()\n# c\na\n"),
    Example("several before and after", "«««a»»»\n", (statement("s()"), statement("t()"), statement("u()", after=True)), "s()\nt()\na\nu()\n"),
    Example("in a block with tabs", "if a:\n\t«b»\n", (statement("s()"),), "if a:\n\ts()\n\tb\n"),
    Example("after the last line without newline", "«a»", (statement("s()", after=True),), "a\ns()"),
    Example("windows newlines", "if a:\r\n  «b»\r\n", (statement("s()", after=True),), "if a:\r\n  b\r\n  s()\r\n"),
    Example("newline of the neighbour", "x\r\n«a»\nb\n", (statement("s()"),), "x\r\ns()\na\nb\n"),
    Example("one-line suite", "if a: «b»\n", (statement("s()"),), "if a: s(); b\n"),
    Example("after in a one-line suite", "if a: «b»  # c\n", (statement("s()", after=True),), "if a: b; s()  # c\n"),
    Example("between semicolons", "a; «b»; c\n", (statement("s()"),), "a; s(); b; c\n"),
    Example("after between semicolons", "a; «b»; c\n", (statement("s()", after=True),), "a; b; s(); c\n"),
    Example("after a last semicolon", "a; «b»;\n", (statement("s()", after=True),), "a; b; s();\n"),
    Example("line of several statements", "«a; b»\n", (statement("s()"),), "s()\na; b\n"),
    Example("after a line of several statements", "«a; b»\n", (statement("s()", after=True),), "a; b\ns()\n"),
    Example("before a compound statement", "«for a in b:\n    c»\n", (statement("s()"),), "s()\nfor a in b:\n    c\n"),
    Example("after a compound statement", "«if a:\n    b\nelse:\n    c»\nd\n", (statement("s()", after=True),), "if a:\n    b\nelse:\n    c\ns()\nd\n"),
    Example("before a decorated function", "@d\n«def g():\n    pass»\n", (statement("s()"),), "s()\n@d\ndef g():\n    pass\n"),
    Example("around a changed statement", "««g(«a»)»»\n", (statement("s()"), assign(), wrap()), "s()\nr = g(f(a))\n"),
    Example("identical ones once", "««a»»\n", (statement("s()"), statement("s()")), "s()\na\n"),
]  # fmt: skip

GUARDED = "if o:\n    __original__"
REPLACEMENTS = [
    Example("statement under a condition", "«exit(0)»  # c\n", (instead(GUARDED),), "if o:  # c\n    exit(0)\n"),
    Example("in a block with tabs", "if a:\n\t«exit(0)»\n", (instead(GUARDED),), "if a:\n\tif o:\n\t\texit(0)\n"),
    Example("windows newlines, no last one", "if a:\r\n  «exit(0)»", (instead(GUARDED),), "if a:\r\n  if o:\r\n    exit(0)"),
    Example("two statements", "«exit()»  # c\n", (instead("s()\n__original__"),), "s()  # c\nexit()\n"),
    Example("one statement", "a; «exit()»; b\n", (instead("s(1)"),), "a; s(1); b\n"),
    Example("one-line suite", "if a: «exit()»\nb\n", (instead(GUARDED),), "if a:\n    if o:\n        exit()\nb\n"),
    Example("last in a one-line suite", "if a: b; «exit()»  # c\n", (instead(GUARDED),), "if a:\n    b\n    if o:  # c\n        exit()\n"),
    Example("last of a line, with a semicolon", "b; «exit()»;  # c\n", (instead(GUARDED),), "b\nif o:  # c\n    exit()\n"),
    Example("first of a line", "«exit()»; b  # c\n", (instead(GUARDED),), "if o:\n    exit()\nb  # c\n"),
    Example("changed inside", "«exit(«a»)»\n", (instead(GUARDED), wrap()), "if o:\n    exit(f(a))\n"),
    Example("two statements that change inside", "«exit(«a»)»\n", (instead("s()\n__original__"), wrap()), "s()\nexit(f(a))\n"),
    Example("over several lines", "if a:\n    «exit(\n        1,\n    )»  # c\n", (instead(GUARDED),), "if a:\n    if o:  # c\n        exit(\n            1,\n        )\n"),
    Example("comments above", "# c\n\n# d\n«exit()»\n", (instead(GUARDED),), "# c\n\n# d\nif o:\n    exit()\n"),
]  # fmt: skip

SMALL_CHANGES = [
    Example("attribute", "a = «b.c.old»(1)\n", (lambda s: RenameAttribute(s, "new"),), "a = b.c.new(1)\n"),
    Example("attribute over lines", "(\n    «b\n    .old»  # c\n)()\n", (lambda s: RenameAttribute(s, "new"),), "(\n    b\n    .new  # c\n)()\n"),
    Example("inner attribute", "«b.old»().c()\n", (lambda s: RenameAttribute(s, "new"),), "b.new().c()\n"),
    Example("keyword argument", "g(a, «k=True»,  # c\n  b=1)\n", (lambda s: ReplaceArgument(s, "**d"),), "g(a, **d,  # c\n  b=1)\n"),
    Example("positional argument", "g(«a», b)\n", (lambda s: ReplaceArgument(s, "*d"),), "g(*d, b)\n"),
]  # fmt: skip

APPENDED = [
    Example("to a block", "«if a:\n    b»\nc\n", (append("s()"),), "if a:\n    b\n    s()\nc\n"),
    Example("above a comment that ends the block", "«if a:\n    b»\n    # c\n", (append("s()"),), "if a:\n    b\n    s()\n    # c\n"),
    Example("below an inner block", "«if a:\n\tfor b in c:\n\t\td»\n", (append("s()"),), "if a:\n\tfor b in c:\n\t\td\n\ts()\n"),
    Example("to the first branch", "«if a:\n    b\nelse:\n    c»\n", (append("s()"),), "if a:\n    b\n    s()\nelse:\n    c\n"),
    Example("to a one-line suite", "«if a: b»  # c\n", (append("s()"),), "if a: b; s()  # c\n"),
    Example("to a one-line suite of two", "«if a: b; c»\n", (append("s()"),), "if a: b; c; s()\n"),
    Example("to a decorated function", "@d\n«def g():\n    a»\n", (append("return 1"),), "@d\ndef g():\n    a\n    return 1\n"),
    Example("without a last newline", "«if a:\r\n    b»", (append("s()"),), "if a:\r\n    b\r\n    s()"),
    Example("to the module", "a\n", (AppendToBlock(None, "s()"),), "a\ns()\n"),
    Example("to the module below a block", "if a:\n    b\n", (AppendToBlock(None, "s()"),), "if a:\n    b\n\ns()\n"),
    Example("to the module below a function", "def a():\n    b\n", (AppendToBlock(None, "s()"),), "def a():\n    b\n\n\ns()\n"),
    Example("to the module without a last newline", "a\r\nb", (AppendToBlock(None, "s()"),), "a\r\nb\r\ns()"),
    Example("to a module that ends in a comment", "a\n\n# c\n", (AppendToBlock(None, "s()"),), "a\ns()\n\n# c\n"),
    Example("to a module of comments", "# c\n", (AppendToBlock(None, "s()"),), "# c\ns()\n"),
]  # fmt: skip

OS = AddImport("os")
IMPORTS = [
    Example("no imports", "x = 1\n", (OS,), "import os\n\nx = 1\n"),
    Example("no imports above a function", "def g(): ...\n", (OS,), "import os\n\n\ndef g(): ...\n"),
    Example("comments only", "# a\n", (OS,), "# a\nimport os\n"),
    Example("comment without newline", "# a", (OS,), "# a\nimport os"),
    Example("docstring only", '"""d"""\n', (OS,), '"""d"""\n\nimport os\n'),
    Example("docstring without newline", '"""d"""', (OS,), '"""d"""\n\nimport os'),
    Example("docstring above code", '"""d"""\nx = 1\n', (OS,), '"""d"""\n\nimport os\n\nx = 1\n'),
    Example("docstring, blank lines, code", '"""d"""\n\n\nx = 1\n', (OS,), '"""d"""\n\nimport os\n\n\nx = 1\n'),
    Example("shebang and coding comment", "#!/bin/python\n# -*- coding: utf-8 -*-\n\n# one\nx = 1\n", (OS,), "#!/bin/python\n# -*- coding: utf-8 -*-\n\nimport os\n\n# one\nx = 1\n"),
    Example("future import", "from __future__ import annotations\nx = 1\n", (OS,), "from __future__ import annotations\n\nimport os\n\nx = 1\n"),
    Example("docstring and future import", '"""d"""\nfrom __future__ import annotations\n\nimport torch\n', (OS,), '"""d"""\nfrom __future__ import annotations\n\nimport os\n\nimport torch\n'),
    Example("sorted, in the middle", "import json\nimport sys\n", (OS,), "import json\nimport os\nimport sys\n"),
    Example("sorted, first", "#!/bin/python\nimport sys\n\nx\n", (OS,), "#!/bin/python\nimport os\nimport sys\n\nx\n"),
    Example("sorted, last", "import json\n\nimport torch\n", (OS,), "import json\nimport os\n\nimport torch\n"),
    Example("unsorted", "import sys\nimport json\nimport torch\n", (OS,), "import sys\nimport json\nimport os\nimport torch\n"),
    Example("sorted above third-party imports", "import argparse\nimport sys\nimport numpy as np\n", (OS,), "import argparse\nimport os\nimport sys\nimport numpy as np\n"),
    Example("sorted among from-imports", "import argparse\nfrom pathlib import Path\nimport sys\n", (OS,), "import argparse\nfrom pathlib import Path\nimport os\nimport sys\n"),
    Example("standard from-imports only", '"""d"""\n\nfrom pathlib import Path\n\nimport torch\n', (OS,), '"""d"""\n\nimport os\nfrom pathlib import Path\n\nimport torch\n'),
    Example("third-party imports only", "import numpy as np\nimport torch\n\nx\n", (OS,), "import os\n\nimport numpy as np\nimport torch\n\nx\n"),
    Example("third-party imports under a comment", '"""d"""\n\n# third party\nimport torch\n', (OS,), '"""d"""\n\nimport os\n\n# third party\nimport torch\n'),
    Example("above a conditional import", "try:\n    import torch\nexcept ImportError:\n    torch = None\n", (OS,), "import os\n\ntry:\n    import torch\nexcept ImportError:\n    torch = None\n"),
    Example("imported in a try only", "try:\n    import os\nexcept ImportError:\n    raise\n", (OS,), "import os\n\ntry:\n    import os\nexcept ImportError:\n    raise\n"),
    Example("imported in another function only", "def g():\n    import os\n\n\nx = 1\n", (OS,), "import os\n\n\ndef g():\n    import os\n\n\nx = 1\n"),
    Example("there already", "import os\nx = 1\n", (OS,), "import os\nx = 1\n"),
    Example("there among others", "import numpy, os\n", (OS,), "import numpy, os\n"),
    Example("there behind a semicolon", "import numpy; import os\n", (OS,), "import numpy; import os\n"),
    Example("there through a submodule", "import os.path\n", (OS,), "import os.path\n"),
    Example("there under its own name", "import os as os\n", (OS,), "import os as os\n"),
    Example("there under another name", "import os as _os\n", (OS,), "import os\nimport os as _os\n"),
    Example("there too late", 'x = «"a"»\nimport os\n', (wrap(), OS), 'import os\n\nx = f("a")\nimport os\n'),
    Example("submodule", "import os\n", (AddImport("os.path"),), "import os\nimport os.path\n"),
    Example("several, once each", "import re\n", (AddImport("sys"), OS, OS), "import os\nimport re\nimport sys\n"),
    Example("windows newlines", "import re\r\nx\r\n", (OS,), "import os\r\nimport re\r\nx\r\n"),
    Example("newline of the neighbour", "x = 1\r\n", (OS,), "import os\r\n\r\nx = 1\r\n"),
    Example("form feed above", "import re\n\x0c\nx = 1\n", (OS,), "import os\nimport re\n\x0c\nx = 1\n"),
    Example("local variable of a function without edits", "def g(os): ...\n", (OS,), "import os\n\n\ndef g(os): ...\n"),
    Example("imported above the edit in its function", 'def g():\n    import os\n    return «"a"»\n', (wrap(), OS), 'import os\n\n\ndef g():\n    import os\n    return f("a")\n'),
    Example("attribute of that name", 'import re\na.os = «"a"»\n', (wrap(), OS), 'import os\nimport re\na.os = f("a")\n'),
]  # fmt: skip

PLACE = "def place(path):\n    return os.path.join(path)\n"
FUNCTIONS = [
    Example("below the imports", "import os\nx = 1\n", (AddHelper("place"),), f"import os\n\n\n{PLACE}\n\nx = 1\n"),
    Example("with the import it needs", "import torch\n\nx = 1\n", (AddHelper("place"),), f"import os\n\nimport torch\n\n\n{PLACE}\n\nx = 1\n"),
    Example("without imports", "x = 1\n", (AddHelper("place"),), f"import os\n\n\n{PLACE}\n\nx = 1\n"),
    Example("below a conditional import", "import os\ntry:\n    import a\nexcept ImportError:\n    a = None\n\n\ndef g(): ...\n", (AddHelper("place"),), f"import os\ntry:\n    import a\nexcept ImportError:\n    a = None\n\n\n{PLACE}\n\ndef g(): ...\n"),
    Example("below imports with statements between", "import os\nos.umask(0)\nimport torch\n# c\nx = 1\n", (AddHelper("place"),), f"import os\nos.umask(0)\nimport torch\n\n\n{PLACE}\n\n# c\nx = 1\n"),
    Example("above the first use", 'import os\ng(«"a"»)\nimport torch\n', (wrap("place(__original__)"), AddHelper("place")), f'import os\n\n\n{PLACE}\n\ng(place("a"))\nimport torch\n'),
    Example("there already", f"import os\n\n\n{PLACE}\n\nx = 1\n", (AddHelper("place"),), f"import os\n\n\n{PLACE}\n\nx = 1\n"),
    Example("more blank lines than needed", "import os\n\n\n\nx = 1\n", (AddHelper("place"),), f"import os\n\n\n{PLACE}\n\n\nx = 1\n"),
    Example("tabs and windows newlines", "if a:\r\n\tb\r\n", (AddHelper("long"),), 'def long(path):\r\n\t"""Say.\r\n\r\n\tMore.\r\n\t"""\r\n\tif path:\r\n\t\treturn 1\r\n\r\n\r\nif a:\r\n\tb\r\n'),
    Example("two spaces", "if a:\n  b\n", (AddHelper("long"),), 'def long(path):\n  """Say.\n\n  More.\n  """\n  if path:\n    return 1\n\n\nif a:\n  b\n'),
    Example("below the file's comments", "#!/bin/python\n# licence\n\nx = 1\n", (AddHelper("long"),), '#!/bin/python\n# licence\n\n\ndef long(path):\n    """Say.\n\n    More.\n    """\n    if path:\n        return 1\n\n\nx = 1\n'),
    Example("two functions", "import os\nx\n", (AddHelper("place"), AddHelper("place"), AddHelper("long")), f'import os\n\n\ndef long(path):\n    """Say.\n\n    More.\n    """\n    if path:\n        return 1\n\n\n{PLACE}\n\nx\n'),
]  # fmt: skip

GROUPS = {
    "expression": EXPRESSIONS,
    "precedence": PRECEDENCE,
    "assignment": ASSIGNMENTS,
    "argument": ARGUMENTS,
    "statement": STATEMENTS,
    "replacement": REPLACEMENTS,
    "small change": SMALL_CHANGES,
    "appended": APPENDED,
    "import": IMPORTS,
    "function": FUNCTIONS,
}


def all_examples() -> Iterator[object]:
    for group, examples in GROUPS.items():
        for example in examples:
            yield pytest.param(example, id=f"{group}: {example.id}")


@pytest.mark.parametrize("example", list(all_examples()))
def test_rewrite(example: Example) -> None:
    source, edits = prepared(example)
    assert rewrite(source, edits, HELPERS) == example.after


def test_replaced_statement_keeps_its_parts() -> None:
    text, (outer, inner, literal) = marked('if a:\n    «exit(«main(«"a"»)»)»  # c\n')
    template = "r = __value__\nif o:\n    exit(r)"
    edits = [
        ReplaceStatement(outer, template, (("__value__", inner),)),
        ReplaceExpression(literal, "f(__original__)"),
    ]
    after = 'if a:\n    r = main(f("a"))  # c\n    if o:\n        exit(r)\n'
    assert rewrite(source_of(text), edits, HELPERS) == after


def test_no_edits_leave_even_what_libcst_cannot_parse() -> None:
    assert rewrite(source_of("x ="), [], HELPERS) == "x ="


def test_text_in_another_encoding() -> None:
    text, (span,) = marked('# -*- coding: latin-1 -*-\nx = "é"; y = «"ü"»\n')
    source = source_of(text, "latin-1")
    after = rewrite(source, [ReplaceExpression(span, "f(__original__)")], HELPERS)
    assert source.encode(after) == b'# -*- coding: latin-1 -*-\nx = "\xe9"; y = f("\xfc")\n'


def test_byte_order_mark_stays() -> None:
    source = decode_source(b"\xef\xbb\xbfimport re\n", Path("a.py"), "a.py")
    after = rewrite(source, [AddImport("os")], HELPERS)
    assert source.encode(after) == b"\xef\xbb\xbfimport os\nimport re\n"


TAKEN = [
    ("variable", "import sys\nos = sys.platform\n", (OS,)),
    ("loop variable", "for os in []: pass\n", (OS,)),
    ("function", "def os(): ...\n", (OS,)),
    ("another import", "from a import b as os\n", (OS,)),
    ("global of a function", "def g():\n    global os\n    os = 1\n", (OS,)),
    ("deleted", "import os\ndel os\n", (OS,)),
    ("fallback", "try:\n    import os\nexcept ImportError:\n    os = None\n", (OS,)),
    ("parameter around the edit", 'def g(os):\n    return «"a"»\n', (wrap("os.fspath(__original__)"), OS)),
    ("imported below the edit in its function", 'def g():\n    x = «"a"»\n    import os\n', (wrap("os.fspath(__original__)"), OS)),
    ("name of an inserted function", "place = 1\n", (AddHelper("place"),)),
    ("another function of that name", "def place(path):\n    return 1\n", (AddHelper("place"),)),
]  # fmt: skip


@pytest.mark.parametrize("example", [pytest.param(Example(i, b, e, ""), id=i) for i, b, e in TAKEN])
def test_name_taken(example: Example) -> None:
    source, edits = prepared(example)
    with pytest.raises(NameTaken, match=r"^train\.py:\d+: the name (os|place), "):
        rewrite(source, edits, HELPERS)


FAULTS = [
    ("no node at the span", 'x = "«a»"\n', (wrap(),), "no node"),
    ("node of another kind", "«x = 1»\n", (wrap(),), "no node"),
    ("two templates for a node", "x = ««a»»\n", (wrap(), wrap("g(__original__)")), "two fixes"),
    ("edit inside a node that goes", "x = «g(«a»)»\n", (wrap("1"), wrap()), "another fix"),
    ("lost comment", "x = g(«[\n    a,  # b\n]»)\n", (wrap("1"),), "lose the comment # b"),
    ("template is no expression", "x = «a»\n", (wrap("f("),), "cannot be carried out"),
    ("part of joined literals", 'x = «"a"» "b"\n', (wrap(),), "cannot be carried out"),
    ("statement before an elif", "if a: pass\n«elif b: pass»\n", (statement("s()"),), "no node"),
    ("augmented assignment", "«a += 1»\n", (assign(),), "no value"),
    ("compound statement in a line", "«if a: b»\n", (append("if c: d"),), "cannot be carried out"),
    ("name of nothing", "x = «a»\n", (wrap("__original__ = 1"),), "cannot be carried out"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("example", "reason"), [pytest.param(Example(i, b, e, ""), r, id=i) for i, b, e, r in FAULTS]
)
def test_fault(example: Example, reason: str) -> None:
    source, edits = prepared(example)
    with pytest.raises(ToolFault, match=rf"^train\.py.*{reason}") as caught:
        rewrite(source, edits, HELPERS)
    assert "\n" not in str(caught.value)


def test_deep_nesting_is_an_input_error() -> None:
    text, (span,) = marked("x = «a»" + " + b" * 900 + "\n")
    with pytest.raises(InputError, match=r"^train\.py: is nested too deeply"):
        rewrite(source_of(text), [ReplaceExpression(span, "f(__original__)")], HELPERS)


# The proof


PROVEN = """\
#!/bin/python
'''Doc.'''
from __future__ import annotations

import re  # the old one


def g(a, b=1):
    # comment
    return "kept", 'kept'


if __name__ == "__main__":
    «main(«"a"», b)»  # run
"""

TAMPERED = [
    ("comment goes", "  # the old one", ""),
    ("comment moves", "    # comment\n", ""),
    ("quotes change", "'kept'", '"kept"'),
    ("blank line is added", "    # comment\n", "    # comment\n\n"),
    ("literal changes", '"kept"', '"lost"'),
    ("default changes", "b=1", "b=2"),
    ("call is renamed", "main(", "mein("),
    ("argument goes", ", b)", ")"),
    ("another statement", "    return", "    a\n    return"),
    ("newlines change", "\n", "\r\n"),
    ("last newline goes", "# run\n", "# run"),
    ("template is not what was asked for", 'f("a")', 'h("a")'),
    ("edit is left out", 'f("a")', '"a"'),
    ("assignment to another name", "r = main", "s = main"),
    ("assignment is left out", "r = main", "main"),
    ("import of another module", "import os\n", "import sys\n"),
    ("import is left out", "import os\n", ""),
    ("import twice", "import os\n", "import os\nimport os\n"),
    ("import in another place", "import os\nimport re  # the old one\n", "import re  # the old one\nfrom a import b\n"),
    ("no longer parses", "r = main(", "r = = main("),
    ("wrapped around too much", 'f("a"), b)', 'f("a", b))'),
]  # fmt: skip


def proven(monkeypatch: pytest.MonkeyPatch) -> tuple[Source, Applied, str]:
    """What the transformer hands to the proof for ``PROVEN``."""
    seen: list[tuple[Source, Applied, str]] = []

    def keep(source: Source, old: ast.Module, applied: Applied, text: str) -> None:
        seen.append((source, applied, text))

    monkeypatch.setattr(transformer, "prove", keep)
    source, edits = prepared(Example("", PROVEN, (assign(), wrap(), OS), ""))
    rewrite(source, edits, HELPERS)
    return seen[0]


def test_proof_accepts_the_rewrite(monkeypatch: pytest.MonkeyPatch) -> None:
    source, applied, text = proven(monkeypatch)
    prove(source, parse_ast(source), applied, text)


@pytest.mark.parametrize(
    ("old", "new"), [pytest.param(old, new, id=case) for case, old, new in TAMPERED]
)
def test_proof_refuses(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source, applied, text = proven(monkeypatch)
    assert old in text
    with pytest.raises(ToolFault, match=r"^train\.py: the rewrite would"):
        prove(source, parse_ast(source), applied, text.replace(old, new))


def test_proof_refuses_an_insertion_at_another_place_of_the_same_text() -> None:
    """The text alone cannot tell where an argument belongs; the tree can."""
    text, (span,) = marked("«g(h(1), 2)»\n")
    source = source_of(text)
    placed = transformer.PlacedEdit(InsertArgument(span, "k=1"), span, span)
    applied = Applied([placed], [], [], [], "    ")
    prove(source, parse_ast(source), applied, "g(h(1), 2, k=1)\n")
    with pytest.raises(ToolFault, match="change the program"):
        prove(source, parse_ast(source), applied, "g(h(1, k=1), 2)\n")


def test_proof_refuses_an_import_above_a_future_import() -> None:
    source = source_of("from __future__ import annotations\n")
    with pytest.raises(ToolFault, match="__future__"):
        prove(
            source,
            parse_ast(source),
            Applied([], ["os"], [], [], "    "),
            "import os\nfrom __future__ import annotations\n",
        )


# All fixtures


class _Literals(cst.CSTVisitor):
    """The spans of the string literals that are arguments of calls, outside f-strings."""

    def __init__(self, spans: NodeSpans) -> None:
        super().__init__()
        self._spans = spans
        self.found: list[Span] = []

    def visit_FormattedString(self, node: cst.FormattedString) -> bool:
        return False

    def visit_Arg(self, node: cst.Arg) -> None:
        if isinstance(node.value, (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString)):
            span = self._spans.get(node.value)
            assert span is not None
            self.found.append(span)


def parsed_fixtures() -> Iterator[Source]:
    for path in sorted(FIXTURES.glob("*/*/before/**/*.py")):
        try:
            source = read_source(path, path.relative_to(FIXTURES).as_posix())
            parse_ast(source)
            parse_cst(source)
        except InputError:
            continue
        yield source


SOURCES = list(parsed_fixtures())


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.shown)
def test_wrapping_every_literal_argument_can_be_undone(source: Source) -> None:
    tree = parse_cst(source)
    literals = _Literals(NodeSpans(tree))
    tree.visit(literals)
    edits = [ReplaceExpression(span, "wrapped_(__original__)") for span in literals.found]
    after = rewrite(source, edits, HELPERS)
    assert after.count("wrapped_(") == len(edits)
    undone = re.sub(r"wrapped_\(", "", after)
    for span in literals.found:
        undone = undone[: span.end] + undone[span.end :].removeprefix(")")
    assert undone == source.text


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.shown)
def test_imports_and_functions_are_added_once(source: Source) -> None:
    edits = [AddImport("colorsys"), AddHelper("long")]
    after = rewrite(source, edits, HELPERS)
    ast.parse(after)
    again = decode_source(source.encode(after), source.path, source.shown)
    assert rewrite(again, edits, HELPERS) == after
