"""The command line: ``aletheia …``. Exit codes: 0 done, 1 something failed, 2 the input cannot be used."""

from __future__ import annotations

import errno
import os
import sys
from http import HTTPStatus

import typer
from rich.console import Console
from rich.text import Text

from aletheia.cli.audit import audit
from aletheia.cli.data import app as data_app
from aletheia.cli.evaluate import evaluate
from aletheia.cli.functions import app as functions_app
from aletheia.cli.models import app as models_app
from aletheia.cli.predict import predict
from aletheia.cli.run import run
from aletheia.cli.serve import serve
from aletheia.cli.tracking import app as tracking_app
from aletheia.core.errors import DISK_FULL, InputError

app = typer.Typer(
    help="Experiments in deepfake face detection whose numbers can be believed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data")
app.add_typer(functions_app, name="functions")
app.add_typer(models_app, name="models")
app.add_typer(tracking_app, name="tracking")
for command in (run, predict, audit, evaluate, serve):
    app.command()(command)


def main() -> None:
    """Entry point: what the user can mend becomes one sentence and exit code 2, Ctrl-C exit code 130."""
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", "10")  # a log file is read by the line, not watched
    try:
        app()
    except InputError as error:
        _complain(str(error))
        sys.exit(2)
    except OSError as error:
        if error.errno != errno.ENOSPC and getattr(error, "code", None) != HTTPStatus.INSUFFICIENT_STORAGE:
            raise
        _complain(DISK_FULL)
        sys.exit(2)
    except SystemExit as done:
        if done.code == 130:
            _complain("Interrupted. Run the same command again to go on.")
        raise


def _complain(message: str) -> None:
    Console(stderr=True).print("[bold red]aletheia:[/]", Text(message), soft_wrap=True)
