"""Credentials that stand in a source file. Their values are never part of what is said."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mljob_codemod.analysis.entries import expressions
from mljob_codemod.edits import Span
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, kept_with_module
from mljob_codemod.syntax.walking import walk, walk_statements

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|passphrase|passcode|private_key|secret|secret_key|secret_access_key"
    r"|client_secret|api_key|apikey|api_token|access_token|auth_token|oauth_token|hf_token|token)$"
)
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_TOKEN = re.compile(
    r"(?:sk-[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16}"
    r"|xox[bap]-[A-Za-z0-9-]{20,}|eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{10,})\Z"
)
_TOKEN_STARTS = tuple("sk- hf_ ghp_ gho_ ghu_ ghs_ ghr_ AKIA xox eyJ".split())
_NAMES = tuple(
    "password passwd pwd passphrase passcode private_key secret api_key apikey token".split()
)
_NAME_AND_VALUE = re.compile(rf"(?:{'|'.join(_NAMES)})['\"]?\]?\s*[:=,]")
_PLACEHOLDER = re.compile(
    r"(?i)[<>{}$*]|\.\.\.|\byour|_here\b|^x{3,}$|change.?me|^(?:none|null|todo|test|dummy|example|secret"
    r"|token|password|env|string|str)$|^\S*(?:special|mask|pad|eos|bos)\S*$"
)
_SURE_NAMES = re.compile(r"(?:password|passwd|passphrase|passcode|private_key)$")


@kept_with_module
def find_credentials(module: ModuleIndex, text: str) -> tuple[tuple[Span, str], ...]:
    """The places of credentials in ``module``, and what each is; the same for all jobs that reach it."""
    if not _may_hold_credentials(text):
        return ()
    found: dict[Span, str] = {}
    for span, what in _candidates(module):
        found.setdefault(span, what)
    return tuple(found.items())


def _may_hold_credentials(text: str) -> bool:
    """A look at the text alone; single words are found twenty times faster than a pattern of them."""
    if "PRIVATE KEY" in text or any(start in text for start in _TOKEN_STARTS):
        return True
    lower = text.lower()
    return any(name in lower for name in _NAMES) and _NAME_AND_VALUE.search(lower) is not None


def _candidates(module: ModuleIndex) -> Iterator[tuple[Span, str]]:
    for statement in walk_statements(module.body):
        if isinstance(statement, r.Assign) and statement.value is not None:
            for target in statement.targets:
                yield from _named(_target_name(target), statement.value)
        for expr in expressions(statement):
            for part in walk(expr):
                yield from _inside(part)


def _inside(part: r.Expr) -> Iterator[tuple[Span, str]]:
    match part:
        case r.Call(func, args, _):
            for argument in args:
                yield from _named(argument.keyword, argument.value)
            if (
                isinstance(func, r.Attribute)
                and func.attr == "config"
                and len(args) == 2
                and isinstance(args[0].value, r.Const)
            ):
                yield from _named(args[0].value.value, args[1].value)
        case r.Mapping(items, _):
            for key, value in items:
                if isinstance(key, r.Const):
                    yield from _named(key.value, value)
        case r.Const(str() as value, span):
            if _PEM.search(value):
                yield span, "a private key"
            elif _TOKEN.match(value):
                yield span, "an access token"


def _named(name: object, value: r.Expr) -> Iterator[tuple[Span, str]]:
    """A literal that is given to something called like a secret."""
    if not isinstance(name, str) or not isinstance(value, r.Const):
        return
    secret = value.value
    if isinstance(secret, bytes):
        secret = secret.decode("latin-1")
    if not isinstance(secret, str) or not _SECRET_NAME.search(name.lower()):
        return
    if not secret.strip() or _PLACEHOLDER.search(secret) or _names_a_secret(secret):
        return
    sure = _SURE_NAMES.search(name.lower()) is not None
    if sure or _looks_random(secret):
        yield value.span, f"the value of `{name}`"


def _names_a_secret(text: str) -> bool:
    """Whether a literal is the name of a variable or file that holds the secret."""
    return bool(re.fullmatch(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+", text)) or "/" in text


def _looks_random(text: str) -> bool:
    """Whether ``text`` may be a token: words of a tokenizer's vocabulary are shorter and plain."""
    kinds = sum(
        bool(re.search(pattern, text))
        for pattern in (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")
    )
    return len(text) >= 12 and kinds >= 2 and " " not in text and bool(re.search(r"[0-9]", text))


def _target_name(target: r.Expr) -> str | None:
    match target:
        case r.Name(name, _) | r.Attribute(_, name, _):
            return name
        case r.Subscript(_, r.Const(str() as name, _), _):
            return name
    return None
