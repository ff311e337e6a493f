"""The command line: ``aletheia …``, one file a command or group of commands."""

from aletheia.cli.root import app, main

__all__ = ["app", "main"]
