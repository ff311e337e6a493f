"""A retraining from the command line: whether it is due, the workflow, and what came of it."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from aletheia.core.buckets.addresses import is_bucket_url, parse_url
from aletheia.core.errors import InputError
from aletheia.core.paths import data_folder
from aletheia.core.process_lock import process_lock
from aletheia.datasets.additions import unknown_rows
from aletheia.datasets.pipeline import load_dataset
from aletheia.lifecycle.alerts.rules import read_alerts
from aletheia.lifecycle.feedback.export import export_pictures
from aletheia.lifecycle.feedback.place import store_path
from aletheia.lifecycle.feedback.reading import read_labels
from aletheia.lifecycle.feedback.statement import ACCEPTED
from aletheia.lifecycle.feedback.store import FeedbackStore
from aletheia.lifecycle.prediction_log.place import default_log
from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.lifecycle.retraining.champion import Champion, find_champion, load_parts
from aletheia.lifecycle.retraining.record import INTERRUPTED, RetrainingRecord, begin_record, lock_path, write_record
from aletheia.lifecycle.retraining.triggers import (
    EVERY,
    MIN_NEW,
    Finding,
    alert_states,
    answers_of,
    check_triggers,
    firing,
    judge_age,
    judge_alerts,
    judge_drift,
    judge_new_data,
    judge_performance,
    promised_errors,
)
from aletheia.release.registry import PROJECT

#: How a retraining can end.
NOT_DUE, DUE, REGISTERED, REFUSED, FAILED = "not due", "due", "registered", "refused", "failed"
_DAYS = 30  # of the prediction log that are looked at


@dataclasses.dataclass(frozen=True)
class RetrainingPlan:
    """Whether a retraining is due.

    Attributes
    ----------
    champion : Champion
    add : list of str
        Manifests and folders of new faces.
    n_new : int
        Files of these that the champion's data do not hold.
    findings : list of Finding
        One for each trigger that was asked.
    due : bool
    reason : str
        Why, or why not.
    """

    champion: Champion
    add: list[str]
    n_new: int
    findings: list[Finding]
    due: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "champion": self.champion.model.name,
            "add": self.add,
            "new": self.n_new,
            "due": self.due,
            "reason": self.reason,
            "findings": [finding.to_dict() for finding in self.findings],
        }


def plan_retraining(
    add: Sequence[str | Path],
    when: Sequence[str] = ("now",),
    *,
    champion: str = "",
    log: str | Path | None = None,
    alerts: str | Path | None = None,
    least: int = MIN_NEW,
    every: float = EVERY,
) -> RetrainingPlan:
    """Ask the triggers whether the model should be trained again, and look at the new faces.

    Parameters
    ----------
    add : sequence of path
        Manifests and folders of accepted new faces, also ``s3://…``; none: the pictures of accepted feedback beside the
        log.
    when : sequence of str
        Triggers, of `aletheia.lifecycle.retraining.triggers.TRIGGERS`: one that fires is enough.
    champion : str
        Version or tag of the model; by default the one in production, else the candidate.
    log : path, optional
        The prediction log; default: that of `aletheia serve`.
    alerts : path, optional
        The rules of alerts; default: the usual ones.
    least : int
        New files from which on the trigger "new-data" fires.
    every : float
        Seconds, age from which on "schedule" fires.

    Raises
    ------
    InputError
        For an unknown trigger, new faces that cannot be read, and when there is no model or its recipe is not known.
    """
    from aletheia.tracking import ensure_tracking
    from aletheia.tracking.reader import Reader

    names = check_triggers(list(when))
    log = Path(log or default_log())
    given = [str(parse_url(path) if is_bucket_url(path) else Path(path).resolve()) for path in add]
    sources = given or accepted_feedback(log.parent)
    with Reader(ensure_tracking()) as reader:
        found = find_champion(reader, PROJECT, champion)
        parts = load_parts(found, reader=reader, project=PROJECT)
    tables = [load_dataset(source, one_class=True, progress=False).main for source in sources]
    n_new = int(unknown_rows(parts, pd.concat(tables, ignore_index=True)).sum()) if tables else 0
    findings: list[Finding] = []
    for name in names:
        if name == "now":
            findings.append(Finding("now", True, "It was asked for."))
        elif name == "new-data":
            findings.append(judge_new_data(n_new, least))
        elif name == "schedule":
            findings.append(judge_age(found.model, every))
        else:
            findings += _of_traffic(name, found, log, alerts)
    due = firing(findings)
    if not due:
        reason = "No trigger fires."
    elif not n_new:
        reason = (
            "There is nothing new to learn from: "
            + ("name accepted faces, a manifest or folder." if not sources else "the model's data hold all of it.")
            + " The same recipe on the same data gives the same model."
        )
    else:
        reason = due[0].sentence
    return RetrainingPlan(found, sources, n_new, findings, bool(due and n_new), reason)


def run_retraining(
    plan: RetrainingPlan,
    *,
    auto_promote: bool = False,
    artifact_path: str = "",
    console: Console | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Run the workflow `retrain` for a plan.

    One at a time: a lock is held that the system frees when the process ends. Nothing that answers changes unless the
    challenger is accepted, and production only where `auto_promote` says so and the gate lets it pass.

    Parameters
    ----------
    plan : RetrainingPlan
    auto_promote : bool
        Whether the new version goes into production by itself.
    artifact_path : str
        Where the new version goes, as `aletheia.project.runner.run_workflow` takes it.
    console : Console, optional
        The terminal; by default standard error.
    **options
        Of `aletheia.project.retrain_config.RetrainConfig`.

    Returns
    -------
    dict
        ``state`` (`REGISTERED`, `REFUSED` or `FAILED`), ``version`` ("" if none), ``sentences``, ``seconds``, and
        ``results`` by step.

    Raises
    ------
    InputError
        When another retraining runs, a step failed for a reason that the user can mend, or a model in a bucket would
        get a successor that those who follow it there do not find.
    """
    from aletheia.project.retrain_config import RetrainConfig
    from aletheia.project.runner import run_workflow

    if plan.champion.model.in_bucket and not artifact_path:
        raise InputError(
            f"{plan.champion.model.name} lies in a bucket, and the next version would lie on this machine alone. Say "
            "where it goes: --artifact-path s3://BUCKET/runs, or a folder."
        )
    console = console or Console(stderr=True)
    given = {"add": plan.add, "champion": plan.champion.model.name, "auto_promote": auto_promote, **options}
    started = time.time()
    with process_lock(lock_path(), "A retraining"):
        record = begin_record(plan.champion.model.name, plan.add)
        try:
            config = RetrainConfig.parse(given).check()
            quiet: dict[str, Any] = {"check": lambda _: None, "show": lambda *_: None}
            summary = run_workflow(config, name="retrain", console=console, artifact_path=artifact_path, **quiet)
        except BaseException as error:
            state = INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED
            write_record(_ended(record, {"state": state, "sentences": [f"{error or type(error).__name__}"]}))
            raise
        results = _step_results(summary["runs"])
        outcome = outcome_of(results, completed=summary["state"] == "completed", errors=summary["errors"])
        write_record(_ended(record, outcome))
    return {**outcome, "seconds": round(time.time() - started, 1), "runs": summary["runs"], "results": results}


def _ended(record: RetrainingRecord, outcome: dict[str, Any]) -> RetrainingRecord:
    told: dict[str, Any] = {name: outcome[name] for name in ("state", "version", "sentences") if name in outcome}
    return record.model_copy(update=told | {"ended": time.time()})


def outcome_of(
    results: dict[str, dict[str, Any]], *, completed: bool, errors: dict[str, str] | None = None
) -> dict[str, Any]:
    """Say what came of a retraining, from the results of its steps by name."""
    version = str(results.get("register", {}).get("version") or "")
    handover = results.get("hand-over", {})
    sentences = [
        *(results.get("add-faces", {}).get("notes") or ()),
        *(results.get("judge", {}).get("sentences") or ()),
        *(handover.get("sentences") or ()),
    ]
    if not completed:
        failed = ", ".join(errors or ()) or "the workflow"
        kept = f"{version} is registered, and nothing else changed." if version else "Nothing changed."
        sentences.append(f"{failed} failed. {kept}")
        return {"state": FAILED, "version": version, "promoted": False, "sentences": sentences}
    state = REGISTERED if version else REFUSED
    sentences += [] if version else ["Nothing was registered, and nothing changed."]
    return {"state": state, "version": version, "promoted": bool(handover.get("promoted")), "sentences": sentences}


def accepted_feedback(folder: Path) -> list[str]:
    """Write the pictures of accepted feedback as a data set, once for each state of the store; returns its manifest.

    Parameters
    ----------
    folder : Path
        In which the prediction log lies.

    Returns
    -------
    list of str
        Empty where no picture was accepted.
    """
    accepted = [one for one in FeedbackStore(store_path(folder)).decisions().values() if one.state == ACCEPTED]
    if not accepted:
        return []
    words = sorted(f"{one.answer} {one.label}" for one in accepted)
    out = data_folder() / f"feedback-{hashlib.sha256(chr(10).join(words).encode()).hexdigest()[:16]}"
    manifest = out / "manifest.csv"
    if not manifest.is_file():
        try:
            export_pictures(folder, out)
        except InputError:  # labels without pictures
            return []
    return [str(manifest)]


def _of_traffic(name: str, champion: Champion, log: Path, alerts: str | Path | None) -> list[Finding]:
    """Ask a trigger that rests on the prediction log."""
    if not log.is_file():
        return [Finding(name, False, f"There is no prediction log at {log}: nothing is known of the traffic.")]
    spec = champion.spec
    answers = answers_of(read_log(log, time.time() - _DAYS * 86_400), spec.weights_sha256)
    if name == "drift":
        return [judge_drift(answers, champion.model)]
    promised = promised_errors(spec.weights_sha256, spec.metrics)
    return [
        judge_performance(answers, read_labels(log.parent), promised),
        judge_alerts(alert_states(log), read_alerts(alerts)),
    ]


def _step_results(runs: dict[str, str]) -> dict[str, dict[str, Any]]:
    from aletheia.tracking import ensure_tracking
    from aletheia.tracking.reader import Reader

    with Reader(ensure_tracking()) as reader:
        found = {name: reader.runs(PROJECT, uid) for name, uid in runs.items()}
    return {name: dict(one[0]["status"].get("results") or {}) for name, one in found.items() if one}
