"""The command ``aletheia``. Exit codes: 0 success, 1 failure, 2 unusable input, 130 interrupted; SIGTERM ends it."""

from __future__ import annotations

import enum
import itertools
import logging
import os
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from aletheia import __version__
from aletheia.cli.ab import app as ab_app
from aletheia.cli.audit import audit
from aletheia.cli.data import app as data_app
from aletheia.cli.deploy import deploy
from aletheia.cli.evaluate import evaluate
from aletheia.cli.feedback import app as feedback_app
from aletheia.cli.functions import app as functions_app
from aletheia.cli.lifecycle import app as lifecycle_app
from aletheia.cli.models import app as models_app
from aletheia.cli.monitor import monitor
from aletheia.cli.predict import predict
from aletheia.cli.retrain import retrain
from aletheia.cli.run import run
from aletheia.cli.runs import app as runs_app
from aletheia.cli.serve import serve
from aletheia.cli.settings import settings
from aletheia.cli.tracking import app as tracking_app
from aletheia.cli.workflow import app as workflow_app
from aletheia.core.environment import complete_user, explain
from aletheia.core.errors import InputError


class LogLevel(enum.StrEnum):
    """Severities of log lines."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_INTERRUPTED = 130  # exit code after Ctrl-C

app = typer.Typer(
    help="Experiments in deepfake face detection whose numbers can be believed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(ab_app, name="ab")
app.add_typer(data_app, name="data")
app.add_typer(feedback_app, name="feedback")
app.add_typer(functions_app, name="functions")
app.add_typer(lifecycle_app, name="lifecycle")
app.add_typer(models_app, name="models")
app.add_typer(runs_app, name="runs")
app.add_typer(tracking_app, name="tracking")
app.add_typer(workflow_app, name="workflow")
for command in (run, retrain, predict, audit, evaluate, serve, deploy, monitor, settings):
    app.command()(command)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"aletheia {__version__}")
        raise typer.Exit


@app.callback()
def _global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars; errors and results only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Short for --log-level info.")] = False,
    log_level: Annotated[
        LogLevel | None, typer.Option(help="Least severity of log lines on standard error; default: warning.")
    ] = None,
) -> None:
    """Options that every command takes, before or after its name."""
    level = log_level or (LogLevel.INFO if verbose else LogLevel.ERROR if quiet else None)
    if level is not None:
        logging.basicConfig(level=level.value.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if quiet:
        os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported, here and in processes that are started


def main() -> None:
    """Run the command line: errors that the user can correct end it with one sentence and exit code 2."""
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", "10")  # few lines of progress in a log file
    sys.argv[1:] = _hoisted(sys.argv[1:])
    complete_user()
    try:
        app()
    except InputError as error:
        _print_error(str(error))
        sys.exit(2)
    except (OSError, MemoryError, RuntimeError, ImportError) as error:
        sentence = explain(error)
        if sentence is None:
            raise
        _print_error(sentence)
        sys.exit(2)
    except SystemExit as exit_:
        if exit_.code == _INTERRUPTED:
            _print_error("Interrupted. Run the same command again to go on.")
        raise


def _hoisted(words: list[str]) -> list[str]:
    """Put the options that every command takes before the command's name, where the parser expects them."""
    common: list[str] = []
    rest: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word == "--":
            rest += [word, *waiting]
        elif word in ("--quiet", "-q", "--verbose", "-v") or word.startswith("--log-level="):
            common.append(word)
        elif word == "--log-level":
            common += [word, *itertools.islice(waiting, 1)]
        else:
            rest.append(word)
    return common + rest


def _print_error(message: str) -> None:
    Console(stderr=True).print("[bold red]aletheia:[/]", Text(message), soft_wrap=True)
