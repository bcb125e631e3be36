"""Keys in files that are sent with a script; put together here, so that no line of this file looks like one."""

from __future__ import annotations

import pytest

from mljob_codemod.rules.payload import payload_rules

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = "0123456789"
_MIXED = "Ab3-x_9Zk" * 20

_KEYS = [
    ("a private key", ["-----BEGIN ", "PRIVATE KEY-----"]),
    ("a private key", ["-----BEGIN ", "RSA PRIVATE KEY-----"]),
    ("a private key", ["-----BEGIN ", "ENCRYPTED PRIVATE KEY-----"]),
    *(("an AWS access key", [start, "ABCDEF0123456789"]) for start in ("AKIA", "ASIA")),
    *(("a GitHub token", [f"gh{kind}_", _LETTERS[:26], _DIGITS]) for kind in "pousr"),
    ("a fine-grained GitHub token", ["github_pat_", _LETTERS[:22], "_", _LETTERS, _DIGITS[:7]]),
    ("a Hugging Face token", ["hf_", _LETTERS[:34]]),
    ("a Hugging Face token", ["hf_", _DIGITS, _LETTERS[:24]]),
    ("an OpenAI key", ["sk-", _LETTERS[:38], _DIGITS]),
    *(("an OpenAI key", [f"sk-{kind}-", _MIXED]) for kind in ("proj", "svcacct", "admin")),
    ("an Anthropic key", ["sk-ant-", "api03-", _MIXED]),
    *(("a Slack token", [f"xox{kind}-", _DIGITS, "-", _LETTERS]) for kind in "abprs"),
    ("a Google API key", ["AIza", _LETTERS[:20], "-_", _DIGITS, "abc"]),
]


@pytest.mark.parametrize(("what", "parts"), _KEYS)
@pytest.mark.parametrize("text", ["{}", '\nKEY="{}"\n', "a: {},"])
def test_a_key_is_found_where_it_begins(what: str, parts: list[str], text: str) -> None:
    assert _found(text.format("".join(parts))) == {what: text.index("{")}


@pytest.mark.parametrize(("what", "parts"), _KEYS)
def test_what_only_begins_like_a_key_is_none(what: str, parts: list[str]) -> None:
    start, *rest = parts

    for text in (start, f"{start} {''.join(rest)}", f"{start}{rest[0][:3]}"):
        assert _found(text) == {}


def test_a_private_key_in_a_json_text_is_found() -> None:
    text = '{"key": "\\n-----BEGIN ' + 'PRIVATE KEY-----"}'

    assert _found(text) == {"a private key": text.index("-----")}


def test_every_kind_of_key_is_tried() -> None:
    assert {what for what, _ in _KEYS} == payload_rules().tokens.keys()


def _found(text: str) -> dict[str, int]:
    """The kinds of keys in a text, and where the first of each begins."""
    found = ((what, token.find(text)) for what, token in payload_rules().tokens.items())
    return {what: start for what, start in found if start is not None}
