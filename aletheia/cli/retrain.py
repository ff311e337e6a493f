"""``aletheia retrain``: train the model in production again, on its data and accepted new faces."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from aletheia.cli.options import ArtifactPath, artifact_place
from aletheia.core.errors import InputError


class Promotion(enum.StrEnum):
    """Whether a new version goes into production by itself."""

    OFF = "off"
    AUTO = "auto"


class Trigger(enum.StrEnum):
    """Reasons to retrain, see `aletheia.lifecycle.retraining.triggers`."""

    PERFORMANCE = "performance"
    DRIFT = "drift"
    NEW_DATA = "new-data"
    SCHEDULE = "schedule"
    NOW = "now"


#: Exit codes beside those of every command.
NOT_DUE, REFUSED = 3, 4


def retrain(
    new: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Accepted new faces: manifests, as `aletheia feedback export` writes them, or folders with real/ and "
            "fake/. One class is enough. Default: the pictures of accepted feedback.",
            show_default=False,
        ),
    ] = None,
    add: Annotated[list[Path], typer.Option(help="The same as an option; may be given several times.")] = [],  # noqa: B006
    when: Annotated[
        list[Trigger], typer.Option(help="Retrain only for this reason; of several one is enough. now: in any case.")
    ] = [Trigger.NOW],  # noqa: B006
    model: Annotated[
        str, typer.Option(help="Version to retrain; default: the one in production, else the candidate.")
    ] = "",
    at_least: Annotated[int, typer.Option(min=1, help="New files that are worth it, for --when new-data.")] = 50,
    every: Annotated[str, typer.Option(help="Age of the model, for --when schedule, as in 30d.")] = "30d",
    held_back: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of the new people that models are compared on.")
    ] = 0.3,
    promote: Annotated[
        Promotion,
        typer.Option(
            help="auto: into production by itself, when staging and the gate let it pass; off: that is yours."
        ),
    ] = Promotion.OFF,
    accept_unjudged: Annotated[
        list[str], typer.Option(help="Check of the gate that may stay unjudged, beside those of the model's own run.")
    ] = [],  # noqa: B006
    log: Annotated[
        Path | None,
        typer.Option(help="The prediction log. Default: predictions.sqlite in ALETHEIA_HOME.", show_default=False),
    ] = None,
    alerts: Annotated[
        Path | None,
        typer.Option(help="Rules of alerts, as `aletheia monitor --alerts` reads them.", show_default=False),
    ] = None,
    artifact_path: ArtifactPath = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say whether it would retrain, and why; train nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Train the model in production again, on its data and accepted new faces, by the same recipe.

    Nobody who is in its test set is learnt from. The new model is registered, as the next patch, only if it has lost
    nothing on the test set and on new faces, and gained on one of them; then it goes to staging.

    Exit codes: 0 registered (with --dry-run: would retrain), 3 not due or nothing new, 4 refused: no better; 1 and 2 as
    ever. Whatever the code but 0, nothing has changed.
    """
    from aletheia.core.spans import parse_span
    from aletheia.project.retraining import FAILED, REGISTERED, plan_retraining, run_retraining

    try:
        age = parse_span(every)
    except ValueError as error:
        raise InputError(f"--every: {error}.") from None
    sources, place = [*(new or ()), *add], artifact_place(artifact_path)
    plan = plan_retraining(
        sources, [str(one) for one in when], champion=model, log=log, alerts=alerts, least=at_least, every=age
    )
    result = {"plan": plan.to_dict(), "state": "due" if plan.due else "not due"}
    if not as_json:
        for finding in plan.findings:
            typer.echo(f"{finding.trigger}: {'yes' if finding.fires else 'no'}. {finding.sentence}")
        verb = "would be retrained" if dry_run else "is retrained"
        typer.echo(f"{plan.champion.model.name} {verb if plan.due else 'is not retrained'}: {plan.reason}")
    if not plan.due or dry_run:
        if as_json:
            typer.echo(json.dumps(result, indent=2))
        raise typer.Exit(0 if plan.due else NOT_DUE)
    options: dict[str, Any] = {"held_back_share": held_back, "artifact_path": place}
    if accept_unjudged:
        options["accept_unjudged"] = [*plan.champion.options.get("accept_unjudged", ()), *accept_unjudged]
    outcome = run_retraining(plan, auto_promote=promote is Promotion.AUTO, **options)
    if as_json:
        typer.echo(json.dumps({**result, **outcome}, indent=2, default=str))
    else:
        for sentence in outcome["sentences"]:
            typer.echo(sentence)
    if outcome["state"] != REGISTERED:
        raise typer.Exit(1 if outcome["state"] == FAILED else REFUSED)
