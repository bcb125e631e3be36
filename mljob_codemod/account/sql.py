"""Names and strings in Snowflake's SQL, quoted as they must be."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_PART = re.compile(r'"(?:[^"]|"")*"|[^."]+')
_RESERVED = frozenset(
    "ACCOUNT ALL ALTER AND ANY AS BETWEEN BY CASE CAST CHECK COLUMN CONNECT CONNECTION CONSTRAINT CREATE CROSS "
    "CURRENT DATABASE DELETE DISTINCT DROP ELSE EXISTS FALSE FOLLOWING FOR FROM FULL GRANT GROUP GSCLUSTER "
    "HAVING ILIKE IN INCREMENT INNER INSERT INTERSECT INTO IS ISSUE JOIN LATERAL LEFT LIKE MINUS NATURAL NOT "
    "NULL OF ON OR ORDER ORGANIZATION QUALIFY REGEXP REVOKE RIGHT RLIKE ROW ROWS SAMPLE SCHEMA SELECT SET "
    "SOME START TABLE TABLESAMPLE THEN TO TRIGGER TRUE TRY_CAST UNION UNIQUE UPDATE USING VALUES VIEW WHEN "
    "WHENEVER WHERE WITH".split()
)
"""docs.snowflake.com/en/sql-reference/reserved-keywords"""


def identifier(name: str) -> str:
    """One name as an identifier: as it is where that means the same, in double quotes elsewhere.

    A name that is given in double quotes keeps them.
    """
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1].replace('""', '"')
    elif _PLAIN.fullmatch(name) and name.upper() not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def stored(name: str) -> str:
    """A name as SHOW tells it, as an identifier: small letters count there."""
    return identifier(name) if name == name.upper() else '"' + name.replace('"', '""') + '"'


def qualified(name: str, *defaults: str) -> str:
    """A name of up to three parts; parts that it lacks in front come from ``defaults``."""
    parts = _PART.findall(name.lstrip("@"))
    missing = list(defaults[: max(0, len(defaults) + 1 - len(parts))])
    return ".".join(identifier(part) for part in [*missing, *parts])


def string(text: str) -> str:
    """A string literal; backslashes are escapes in Snowflake."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def comment(text: str) -> str:
    """``text`` as a comment of one line, whatever it holds."""
    printable = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return f"-- {printable}"
