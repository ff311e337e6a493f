"""``aletheia feedback …``: what callers say about answers, and what of it counts."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aletheia.core.errors import InputError
from aletheia.core.wording import counted

if TYPE_CHECKING:
    from aletheia.lifecycle.feedback.review import Choice, Item
    from aletheia.lifecycle.feedback.statement import Statement

app = typer.Typer(no_args_is_help=True, help="What callers say about answers, and what of it counts.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Log = Annotated[
    Path | None,
    typer.Option(help="The prediction log beside which feedback lies. Default: predictions.sqlite in ALETHEIA_HOME."),
]
Ids = Annotated[list[str] | None, typer.Argument(help="Ids of answers, or their first digits.", show_default=False)]
Source = Annotated[str, typer.Option(help="Only labels known so: own, credentials, expert or other.")]
Since = Annotated[str, typer.Option(help="Only what was said so lately, as in 24h or 7d.", show_default=False)]
Answer = Annotated[str, typer.Argument(help="Id of an answer; show takes its first digits, too.")]
Label = Annotated[str, typer.Option(help="Only this label: genuine or fake.", show_default=False)]
WithFlags = Annotated[bool, typer.Option("--flagged", help="Also what is flagged as suspicious.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be decided, and decide nothing.")]
By = Annotated[str, typer.Option(help="Who decides; default: the user of this machine.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; it is kept with the decision.")]
_STATES = ("waiting", "accepted", "rejected")


@app.command("list")
def list_feedback(
    state: Annotated[str, typer.Option(help="waiting, accepted, rejected or all.")] = "all",
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """List the answers that somebody said something about, with what is suspicious.

    Flagged are: callers who contradict each other, an accepted label, or a sure verdict; callers who said something
    else before; one label by one caller many times in an hour; near-duplicate pictures with opposite labels.
    """
    if state not in (*_STATES, "all"):
        raise InputError(f"--state {state!r} is none of {', '.join(_STATES)} and all.")
    items = [item for item in _review(log) if state in ("all", item.state)]
    if as_json:
        typer.echo(json.dumps([item.to_dict() for item in items], indent=2))
        return
    if not items:
        typer.echo("Nobody has said anything about an answer yet." if state == "all" else f"Nothing is {state}.")
        return
    _print_items(items)
    flagged = sum(bool(item.flags) for item in items)
    waiting = sum(item.state == "waiting" for item in items)
    typer.echo(f"{counted(len(items), 'answer')}, {waiting} waiting, {flagged} flagged.")


@app.command()
def show(
    answer: Annotated[str, typer.Argument(help="Id of an answer.")], log: Log = None, as_json: AsJson = False
) -> None:
    """Show all that was said about an answer, and what was decided."""
    found = [item for item in _review(log) if answer and item.answer.startswith(answer)]
    if len(found) != 1:
        raise InputError(
            f"{answer!r} names {counted(len(found), 'answer')} with feedback; aletheia feedback list shows ids."
        )
    (item,) = found
    if as_json:
        typer.echo(json.dumps(item.to_dict(), indent=2))
        return
    from aletheia.lifecycle.feedback.review import NAMES

    first = item.statements[0]
    answered = f"{first.verdict or 'unknown'} at {_moment(first.answered)} by version {first.release or first.version}"
    typer.echo(f"{item.answer}: {answered}, probability {_number(first.probability)}")
    for one in item.statements:
        more = "; ".join(filter(None, (one.detail, one.note, one.picture and f"picture {one.picture}")))
        typer.echo(
            f"  {_moment(one.time)}  {NAMES[one.label]} ({one.source}) by {one.caller or 'unknown'}  {more}".rstrip()
        )
    for decision in item.decisions.values():
        what = f"{NAMES[decision.label]} {decision.state} by {decision.decided_by}"
        typer.echo(f"  {_moment(decision.decided)}  {what}  {decision.reason}".rstrip())
    for flag in item.flags:
        typer.echo(f"  suspicious: {flag}")


@app.command()
def accept(
    ids: Ids = None, source: Source = "", since: Since = "", label: Label = "", with_flags: WithFlags = False,
    dry_run: DryRun = False, by: By = "", reason: Reason = "", log: Log = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Let labels count: by ids, or all that wait and fit --source, --since and --label.

    Whoever has labels accepted decides what the model is judged by and learns. Look at what waits first (--dry-run).
    By a filter, what is flagged is left out unless --flagged is given.
    """
    _decide("accepted", ids or (), source, since, label, with_flags, dry_run, by, reason, log, as_json)


@app.command()
def reject(
    ids: Ids = None, source: Source = "", since: Since = "", label: Label = "", with_flags: WithFlags = False,
    dry_run: DryRun = False, by: By = "", reason: Reason = "", log: Log = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Let labels not count, also accepted ones that are named by their ids; in a full store they make room."""
    _decide("rejected", ids or (), source, since, label, with_flags, dry_run, by, reason, log, as_json)


@app.command()
def forget(answer: Answer, log: Log = None, as_json: AsJson = False) -> None:
    """Delete everything that was said and decided about an answer, and its picture: for who wants it gone.

    What was exported before, and models that learnt from it, are not touched.
    """
    from aletheia.lifecycle.feedback.review import forget as forget_answer

    statements, pictures = forget_answer(_folder(log), answer)
    if not statements:
        raise InputError(f"There is no feedback on {answer!r}; give the whole id, as aletheia feedback show has it.")
    if as_json:
        typer.echo(json.dumps({"id": answer, "statements": statements, "pictures": pictures}, indent=2))
        return
    typer.echo(f"Deleted: {counted(statements, 'statement')}, {counted(pictures, 'picture')}.")


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="A new folder.")], log: Log = None, as_json: AsJson = False
) -> None:
    """Write the pictures with accepted labels as a data set: `aletheia run --source OUT/manifest.csv` reads it."""
    from aletheia.lifecycle.feedback.export import export_pictures

    exported = export_pictures(_folder(log), out)
    if as_json:
        typer.echo(json.dumps({**exported._asdict(), "manifest": str(exported.manifest)}, indent=2))
        return
    typer.echo(f"{exported.manifest}: {exported.genuine} genuine, {exported.fake} fake.")
    for answer, why in exported.left_out:
        typer.echo(f"  left out: {answer}: {why}")


@app.command()
def send(
    answer: Annotated[str, typer.Argument(help="Id of an answer, as the service gave it.")],
    label: Annotated[str, typer.Argument(help="genuine or fake.")],
    url: Annotated[str, typer.Option(help="Address of the service.")] = "http://127.0.0.1:7860",
    source: Annotated[str, typer.Option(help="How that is known: own, credentials, expert or other.")] = "own",
    detail: Annotated[str, typer.Option(help="More on the source.")] = "",
    note: Annotated[str, typer.Option(help="Anything else.")] = "",
    picture: Annotated[
        Path | None, typer.Option(help="The picture, for the service to keep; needs --consent.", show_default=False)
    ] = None,
    consent: Annotated[bool, typer.Option("--consent", help="That the picture may be kept and trained on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell a service what the truth about one of its answers is. The key is read from ALETHEIA_API_KEY."""
    from aletheia.client import Detector

    if not url.lower().startswith(("http://", "https://")):
        raise InputError(f"--url {url!r} is no http or https address.")
    with Detector(url) as detector:
        said = detector.feedback(answer, label, source, detail=detail, note=note, picture=picture, consent=consent)
    typer.echo(json.dumps({"id": answer, "label": label, "message": said}, indent=2) if as_json else said)


def _decide(
    state: str, ids: Sequence[str], source: str, since: str, label: str, with_flags: bool, dry_run: bool, by: str,
    reason: str, log: Path | None, as_json: bool,
) -> None:  # fmt: skip
    from aletheia.lifecycle.feedback.review import choose, decide
    from aletheia.lifecycle.feedback.statement import LABELS, SOURCES

    if source and source not in SOURCES:
        raise InputError(f"--source {source!r} is none of {', '.join(SOURCES)}.")
    if label and label not in LABELS:
        raise InputError(f"--label {label!r} is neither genuine nor fake.")
    if not ids and not (source or since or label):
        raise InputError("Name answers by their ids, or choose some by --source, --since or --label.")
    now = time.time()
    choice = choose(
        _review(log),
        ids,
        source=source,
        label=label,
        with_flags=with_flags,
        since=now - _seconds(since) if since else 0.0,
    )
    if choice.chosen and not dry_run:
        decide(_folder(log), choice, state, by or getpass.getuser(), now, reason)
    _print_choice(choice, state, dry_run, as_json)


def _print_choice(choice: Choice, state: str, dry_run: bool, as_json: bool) -> None:
    from aletheia.lifecycle.feedback.review import NAMES

    if as_json:
        chosen = [{"id": one.answer, "label": NAMES[one.label], "source": one.source} for one in choice.chosen]
        result: dict[str, Any] = {"state": state, "decided": not dry_run, "chosen": chosen}
        typer.echo(json.dumps({**result, "left_out": [list(pair) for pair in choice.left_out]}, indent=2))
        return
    for one in choice.chosen:
        typer.echo(f"  {one.answer}  {NAMES[one.label]} ({one.source}); the verdict was {one.verdict or 'unknown'}")
    for answer, why in choice.left_out:
        typer.echo(f"  {answer}  left out: {why}")
    verb = f"would be {state}" if dry_run else state
    typer.echo(f"{counted(len(choice.chosen), 'label')} {verb}, {len(choice.left_out)} left out.")


def _print_items(items: Sequence[Item]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("answer", "when", "verdict", "said", "state", "suspicious")
    for item in items:
        first = item.statements[0]
        verdict = f"{first.verdict or 'unknown'} {_number(first.probability)}"
        row = (
            item.answer[:12],
            _moment(first.time),
            verdict,
            _said(item.statements),
            item.state,
            "; ".join(item.flags),
        )
        table.add_row(*map(escape, row))
    Console().print(table)


def _said(statements: Sequence[Statement]) -> str:
    from aletheia.lifecycle.feedback.review import NAMES

    counts: dict[str, int] = {}
    for one in statements:
        text = f"{NAMES[one.label]} ({one.source}{', picture' if one.picture else ''})"
        counts[text] = counts.get(text, 0) + 1
    return ", ".join(text if count == 1 else f"{count} × {text}" for text, count in counts.items())


def _review(log: Path | None) -> list[Item]:
    from aletheia.lifecycle.feedback.review import review

    return review(_folder(log))


def _folder(log: Path | None) -> Path:
    from aletheia.lifecycle.prediction_log.place import default_log

    return (log or default_log()).absolute().parent


def _seconds(span: str) -> float:
    from aletheia.core.spans import parse_span

    try:
        return parse_span(span)
    except ValueError as error:
        raise InputError(f"--since: {error}.") from None


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def _number(probability: float | None) -> str:
    return "–" if probability is None else f"{probability:.2f}"
