"""``aletheia ab …``: two models that are tried side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aletheia.core.errors import InputError

if TYPE_CHECKING:
    from aletheia.stats.anytime_sign_test import AnytimeSignTest

app = typer.Typer(no_args_is_help=True, help="Two models that are tried side by side on the same requests.")


@app.callback()
def _group() -> None:
    """Two models that are tried side by side on the same requests."""


@app.command()
def status(
    log: Annotated[
        Path | None,
        typer.Option(help="The prediction log of `aletheia serve`. Default: predictions.sqlite in ALETHEIA_HOME."),
    ] = None,
    ask: Annotated[
        int, typer.Option(min=0, help="List so many disagreements that want a label, the oldest first.")
    ] = 0,
    challenger: Annotated[
        str,
        typer.Option(help="Release or version of the challenger; default: the latest.", show_default=False),
    ] = "",
    champion: Annotated[
        str, typer.Option(help="Of the champion; the latest trial of the challenger by default.", show_default=False)
    ] = "",
    alpha: Annotated[
        float, typer.Option(help="Probability of finding a difference that is not there, however often one looks.")
    ] = 0.05,
    minimum_effect: Annotated[
        float,
        typer.Option(
            min=0.02,
            max=0.45,
            help="What matters: one of them wins so many more than half of the disagreements, as in 0.1 for 60 of 100.",
        ),
    ] = 0.1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Say which of two models is better, how sure that is, and how many labels are still wanted.

    Only pictures on which the two disagree are compared, by labels that came as feedback and were accepted: a right
    verdict beats "cannot tell", which beats a wrong one. The test may be looked at after every label, and stopped when
    it has an answer: challenger better, champion better, or no difference that matters.

    1. aletheia serve --shadow v1.3.0      both score each picture, production answers
    2. aletheia ab status --ask 20         which answers to label, whatever their verdicts
    3. aletheia feedback …                 give and accept the labels
    4. aletheia ab status                  until it has an answer; then it prints the command that promotes

    Choose --alpha and --minimum-effect before the first look, and keep them.
    """  # fmt: skip
    from aletheia.lifecycle.experiments.comparison import choose_trial, find_trials, pair_name, to_ask
    from aletheia.lifecycle.experiments.status import judge
    from aletheia.lifecycle.feedback.reading import read_labels
    from aletheia.lifecycle.prediction_log.place import default_log
    from aletheia.lifecycle.prediction_log.reading import read_log

    path = log or default_log()
    test = _test(alpha, minimum_effect)
    trials = find_trials(read_log(path))
    trial = choose_trial(trials, champion, challenger)
    labels = read_labels(path.parent)
    result = judge(trial, labels, test)
    asked = to_ask(trial, labels, ask)
    others = [pair_name(other) for other in trials if other is not trial]
    if as_json:
        typer.echo(json.dumps({**result.to_dict(), "ask": asked, "other_trials": others}, indent=2))
        return
    for sentence in result.sentences():
        typer.echo(sentence)
    if others:
        typer.echo(f"Earlier trials in this log: {', '.join(others)}; name one with --challenger and --champion.")
    if asked:
        _print_asked(asked)
    elif ask:
        typer.echo("No disagreement is without a label.")


def _test(alpha: float, effect: float) -> AnytimeSignTest:
    from aletheia.stats.anytime_sign_test import AnytimeSignTest

    try:
        return AnytimeSignTest(alpha, effect)
    except ValueError as error:
        raise InputError(f"--alpha or --minimum-effect: {error}.") from None


def _print_asked(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(Column("id", no_wrap=True), "time (UTC)", "champion", "challenger")
    for row in rows:
        table.add_row(row["id"], row["time"][:16].replace("T", " "), row["champion"], row["challenger"])
    Console().print(table)
