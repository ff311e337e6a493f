"""``aletheia settings``: the variables of the environment that decide how Aletheia works here."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer


def settings(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show all environment variables with their values and meanings.

    A value is that of the variable, or the default where it is not set. Keys are not shown. Exit code 2 when a variable
    holds what it cannot.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    rows = variables()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table()
    table.add_column("variable", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", no_wrap=True)
    table.add_column("meaning")
    for row in rows:
        table.add_row(*(escape(row[name]) for name in ("name", "value", "origin", "meaning")))
    Console().print(table)


def variables() -> list[dict[str, str]]:
    """Return name, value, origin (environment, default, or empty where nothing is set) and meaning of each variable.

    Raises
    ------
    InputError
        When a variable holds an invalid value.
    """
    from aletheia.core.settings import OTHER_VARIABLES, SECRETS, Settings, get_settings

    current, rows = get_settings(), []
    for field, info in Settings.model_fields.items():
        name = f"ALETHEIA_{field.upper()}"
        origin = "environment" if name in os.environ else "default"
        rows.append((name, str(getattr(current, field)), origin, info.description or ""))
    for name, meaning in OTHER_VARIABLES.items():
        value = os.environ.get(name, "")
        shown = "(hidden)" if value and name in SECRETS else _without_password(value)
        rows.append((name, shown, "environment" if value else "", meaning))
    return [dict(zip(("name", "value", "origin", "meaning"), row, strict=True)) for row in rows]


def _without_password(value: str) -> str:
    from aletheia.tracking.access import without_token

    return without_token(value)
