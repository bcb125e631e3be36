"""Which of the account's external access integrations may reach a service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mljob_codemod.account.rows import Row

_ALIASES: Mapping[str, tuple[str, ...]] = {
    "huggingface": ("hugging_face", "hf"),
    "pip_install": ("pypi", "pip"),
    "wandb": ("weights_and_biases",),
    "aws": ("s3", "amazon"),
    "gcp": ("google", "gcs"),
    "git": ("github",),
}
"""How people name integrations for a service."""
_ANYTHING = ("allow_all", "all_access", "internet", "egress_all")


@dataclass(frozen=True)
class Match:
    """An integration that may reach a service; ``certain`` only where its rule names all hosts."""

    service: str
    integration: str
    certain: bool
    why: str


def match_integrations(
    services: Mapping[str, Iterable[str]],
    integrations: Iterable[Row],
    hosts: Mapping[str, Iterable[str]] | None = None,
) -> list[Match]:
    """All matches for ``services`` (names to hosts). ``hosts`` has the hosts of integrations whose rules could be read.

    Others are matched by name, which says so: a rule can be described by its owner only.
    """
    known = hosts or {}
    enabled = [
        str(row["name"])
        for row in integrations
        if str(row.get("type", "EXTERNAL_ACCESS")).upper() == "EXTERNAL_ACCESS"
        and str(row.get("enabled", "true")).lower() == "true"
    ]
    found = []
    for service, needed in services.items():
        for name in enabled:
            match = _match(service, tuple(needed), name, known.get(name))
            if match is not None:
                found.append(match)
    return found


def _match(
    service: str, needed: tuple[str, ...], name: str, allowed: Iterable[str] | None
) -> Match | None:
    if allowed is not None:
        missing = [host for host in needed if not any(_allows(each, host) for each in allowed)]
        if missing:
            return None
        return Match(service, name, True, "its network rules name every host")
    words = "_" + re.sub(r"[^a-z0-9]+", "_", name.lower()) + "_"
    for word in (service, *_ALIASES.get(service, ())):
        if f"_{word}_" in words:
            return Match(service, name, False, "by its name: its network rules cannot be read")
    for word in _ANYTHING:
        if word in words:
            return Match(service, name, False, "by its name, which promises all hosts")
    return None


def _allows(entry: str, host: str) -> bool:
    """Whether a rule's entry (host, host:port or one wildcard) lets ``host`` through."""
    allowed, wanted = entry.partition(":")[0].lower(), host.partition(":")[0].lower()
    if allowed == "0.0.0.0":
        return True
    pattern = re.escape(allowed).replace(r"\*", r"[^.]+")
    return re.fullmatch(pattern, wanted) is not None
