"""The command line: ``aletheia …``, one module for each command or group of commands."""

from aletheia.cli.root import app, main

__all__ = ["app", "main"]
