"""The rules of alerts as files for Prometheus and its Alertmanager."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.lifecycle.alerts.prometheus import render_alertmanager, render_rules
from aletheia.lifecycle.alerts.promtool_tests import render_rule_tests
from aletheia.lifecycle.alerts.rules import read_alerts


def export_rules(alerts: Path | None, rules: Path | None, alertmanager: Path | None, job: str) -> None:
    """Write the rules with their tests beside, and the configuration of Alertmanager.

    Raises
    ------
    InputError
        When the rules cannot be read or expressed, or a file cannot be written.
    """
    config = read_alerts(alerts)
    if rules:
        tests = rules.with_name(f"{rules.stem}_test{rules.suffix}")
        content = render_rules(config, job)
        _write(rules, content)
        _write(tests, render_rule_tests(config, rules.name, job))
        typer.echo(f"Rules of Prometheus: {rules}; try them by `promtool test rules {tests}`.")
    if alertmanager:
        _write_secret(alertmanager, render_alertmanager(config))  # it holds a password and secret addresses
        typer.echo(f"Configuration of Alertmanager: {alertmanager}, for its owner's eyes only.")


def _write(path: Path, content: str) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file.")
    with atomic_write(path) as file:
        file.write(content.encode())


def _write_secret(path: Path, content: str) -> None:
    """Write for the owner alone, at no moment otherwise."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o600)
            file.write(content.encode())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None
