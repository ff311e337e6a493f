"""Decisions on promotion, rollback and retirement: what is checked before anything changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.catalog import GONE, IN_PRODUCTION, Catalog, ModelVersion
from aletheia.lifecycle.model_versions.history import PROMOTE, RETIRE, ROLLBACK, earlier_versions
from aletheia.lifecycle.staging.records import STAGING, bundle_hash, has_passed, newest_staging
from aletheia.models.spec import ModelSpec, check_files
from aletheia.release.registry import PRODUCTION


@dataclasses.dataclass(frozen=True)
class Decision:
    """A change that was checked and may be made.

    Attributes
    ----------
    action : {'promote', 'rollback', 'retire'}
    model : ModelVersion
        The one that is to answer, or to be retired.
    before : str
        Name of the one that answers now; empty if none does.
    reason : str
        Why, in the words of whoever asks.
    evaluation : str
        Run of the evaluation that let the model pass; empty where its files do not say.
    exceptions : tuple of str
        What a person accepted or waived, as "accepted CODE".
    """

    action: str
    model: ModelVersion
    before: str
    reason: str = ""
    evaluation: str = ""
    exceptions: tuple[str, ...] = ()

    def results(self) -> dict[str, str]:
        """Return the results of the run."""
        return {
            "action": self.action,
            "from": self.before,
            "to": self.model.name,
            "to_uid": self.model.uid,
            "reason": self.reason,
            "evaluation": self.evaluation,
            "exceptions": ", ".join(self.exceptions),
            "tag": PRODUCTION if self.action in (PROMOTE, ROLLBACK) else "",
        }


def refused_checks(spec: ModelSpec, accepted: Collection[str] = ()) -> list[str]:
    """Say of each of the gate's verdicts that keeps a model from production why; empty where all let it pass.

    Parameters
    ----------
    spec : ModelSpec
        With the verdicts as `aletheia.release.bundle.release_bundle` stored them.
    accepted : collection of str
        Codes of checks that may stay unjudged, besides those that were accepted at the registration.
    """
    from aletheia.release.gate_check import NOT_JUDGED, PASSED  # with scipy and pandas, which a rollback does not need

    reasons = []
    for name, verdict in spec.checks.items():
        code, state = str(verdict.get("code") or name), verdict.get("state")
        if state == PASSED or verdict.get("exception") or (state == NOT_JUDGED and not verdict.get("required", True)):
            continue
        if state != NOT_JUDGED:
            reasons.append(f"“{name}” failed: {verdict.get('detail')}")
        elif code not in accepted:
            reasons.append(
                f"“{name}” is not judged (accept that with --accept-unjudged {code}): {verdict.get('detail')}"
            )
    return reasons


def plan_promotion(
    catalog: Catalog,
    word: str,
    *,
    reason: str = "",
    accept_unjudged: Sequence[str] = (),
    waive: Sequence[str] = (),
) -> Decision:
    """Check that a model may go into production.

    Parameters
    ----------
    catalog : Catalog
    word : str
        Version, tag or first digits of the uid.
    reason : str
        Why.
    accept_unjudged : sequence of str
        Checks of the gate, by code or name, that may stay unjudged.
    waive : sequence of str
        "staging" lets it do without a passed report of the staging; needs a reason.

    Raises
    ------
    InputError
        When there is no such model, it is in production already or retired, a file of it is missing or damaged, a
        verdict of the gate is against it, or these very files have not passed the staging.
    """
    from aletheia.release.exceptions import Exceptions
    from aletheia.release.gate_check import NOT_JUDGED

    if unknown := [name for name in waive if name != STAGING]:
        raise InputError(f"A promotion can waive {STAGING}, not {unknown[0]!r}; what the gate found stays.")
    model, accepted = catalog.find(word), Exceptions.parse(list(accept_unjudged)).accepted_codes()
    if model.state == IN_PRODUCTION:
        raise InputError(f"{model.name} is in production already.")
    if model.state == GONE:
        raise InputError(f"{model.name} is retired and cannot be promoted; register it again to give it a new version.")
    folder = model.fetch()
    spec = check_files(folder)
    if not spec.checks:
        raise InputError(f"{model.name} holds no verdict of the gate, so it cannot be promoted; register it again.")
    if reasons := refused_checks(spec, accepted):
        raise InputError(f"{model.name} did not pass the gate: {'; '.join(reasons)}.")
    checks = [(str(verdict.get("code") or name), verdict) for name, verdict in spec.checks.items()]
    stored = [f"{verdict['exception']} {code}" for code, verdict in checks if verdict.get("exception")]
    now = [
        f"accepted {code}"
        for code, verdict in checks
        if code in accepted and verdict.get("state") == NOT_JUDGED and not verdict.get("exception")
    ]
    waived = _check_staging(catalog, model, folder, waive, reason)
    return Decision(PROMOTE, model, _now(catalog), reason, _evaluation(model), (*stored, *now, *waived))


def _check_staging(catalog: Catalog, model: ModelVersion, folder: Path, waive: Sequence[str], reason: str) -> list[str]:
    """Return the exception by which a model does without the staging, if any; InputError when it may not."""
    if waive and not reason.strip():
        raise InputError("Who waives the staging has to say why: --reason TEXT; the history shows it.")
    run = newest_staging(catalog.runs, bundle_hash(folder))
    if has_passed(run):
        return []
    if waive:
        return [f"waived {STAGING}"]
    how = f"`aletheia deploy {model.name} --env staging` tests it; or --waive staging --reason WHY"
    if run is None:
        raise InputError(f"{model.name} has not passed the staging with these files: {how}.")
    verdict = run["status"]["results"].get("verdict")
    raise InputError(f"The last staging of {model.name} says “{verdict}” (run {run['metadata']['uid'][:8]}): {how}.")


def plan_rollback(catalog: Catalog, word: str = "", *, reason: str = "") -> Decision:
    """Choose the model that a rollback goes back to: the one before, or another that was in production.

    No file of the model in production is looked at, and it need not be registered any more.

    Parameters
    ----------
    catalog : Catalog
    word : str
        The model to go back to; empty: the one that was in production before and has all of its files.
    reason : str
        Why.

    Raises
    ------
    InputError
        When there is none, or the chosen one was never in production, is retired, or lacks a file.
    """
    answered = {switch.uid for switch in catalog.switches}
    if word:
        model = catalog.find(word)
        if model.state == IN_PRODUCTION:
            raise InputError(f"{model.name} is in production already.")
        if model.state == GONE or model.uid not in answered:
            why = "is retired" if model.state == GONE else "was never in production: `aletheia models promote` decides"
            raise InputError(f"{model.name} {why}; a rollback goes to a version that answered before.")
        check_files(model.fetch(ask=False))
        return Decision(ROLLBACK, model, _now(catalog), reason, _evaluation(model))
    problems = []
    for uid in earlier_versions(catalog):
        candidate = catalog.by_uid(uid)
        if candidate is None or candidate.state == GONE:
            continue
        try:
            check_files(candidate.fetch(ask=False))
        except InputError as error:
            problems.append(f"{candidate.name}: {error}")
            continue
        return Decision(ROLLBACK, candidate, _now(catalog), reason, _evaluation(candidate))
    found = f" ({' '.join(problems)})" if problems else ""
    raise InputError(f"There is no earlier version in production to go back to{found}; see `aletheia models history`.")


def plan_retirement(catalog: Catalog, word: str, *, reason: str = "") -> Decision:
    """Check that a model may be retired: any but the one in production.

    Raises
    ------
    InputError
        When there is no such model, or it is in production or retired already.
    """
    model = catalog.find(word)
    if model.state == IN_PRODUCTION:
        raise InputError(f"{model.name} is in production; promote another version or roll back before you retire it.")
    if model.state == GONE:
        raise InputError(f"{model.name} is retired already.")
    return Decision(RETIRE, model, _now(catalog), reason)


def check_still_holds(decision: Decision, catalog: Catalog) -> None:
    """Refuse a decision when what it rests on was changed since: somebody else decides at the same time.

    Parameters
    ----------
    decision : Decision
    catalog : Catalog
        As it is now.

    Raises
    ------
    InputError
        When this model was promoted, retired or deleted, or for a promotion or rollback another came into production.
    """
    again = "see `aletheia models history`, and decide again."
    if decision.action != RETIRE and (now := _now(catalog)) != decision.before:
        moved = f"from {decision.before or 'none'} to {now or 'none'}"
        raise InputError(f"Production was changed meanwhile, {moved}: {again}")
    model = catalog.by_uid(decision.model.uid)
    if model is None or model.state != decision.model.state:
        state = "deleted" if model is None else "retired" if model.state == GONE else "changed"
        raise InputError(f"{decision.model.name} was {state} meanwhile: {again}")
    if decision.action != RETIRE and not model.has_files:
        raise InputError(f"The files of {model.name} were deleted meanwhile; register it again.")


def _now(catalog: Catalog) -> str:
    return catalog.production.name if catalog.production else ""


def _evaluation(model: ModelVersion) -> str:
    return model.labels.get("evaluation", "")
