"""How the commands around an account print: JSON for programs, tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import click

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: object) -> None:
    """``value`` on standard output; what JSON does not know as text."""
    import json

    click.echo(json.dumps(value, indent=2, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """The ``columns`` of the rows on standard output; nothing is cut off where the terminal is narrow."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        right = column in ("size", "nodes")
        table.add_column(
            column.replace("_", " "),
            overflow="fold",
            justify="right" if right else "left",
            no_wrap=column in ("id", "name") and column == columns[0],
        )
    for row in rows:
        table.add_row(*(str(row.get(column, "")) for column in columns))
    Console(highlight=False, markup=False).print(table)
