"""Promotion, rollback and retirement: checked first, noted in a run, then done in one transaction.

Nothing here imports MLRun, which takes seconds: who rolls back is in a hurry. The run that is noted is one of MLRun's
all the same, and the function ``production`` (notebook ``11-production``) calls what stands here from a run of its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError
from aletheia.lifecycle.catalog import (
    GONE,
    IN_PRODUCTION,
    LABEL,
    RETIRED,
    Catalog,
    ModelVersion,
    load_catalog,
)
from aletheia.lifecycle.history import PROMOTE, RETIRE, ROLLBACK, earlier_versions
from aletheia.models.spec import (
    EXPLAIN,
    INT8,
    ONNX,
    PROFILE,
    TYPICAL,
    WEIGHTS,
    ModelSpec,
    check_hash,
    check_model_file,
    read_spec,
)
from aletheia.models.spec import MAX_WEIGHTS_BYTES as _LIMIT
from aletheia.release.registry import CANDIDATE, MODEL_KEY, PRODUCTION
from aletheia.tracking.reader import Reader

#: Stores results in the run that makes a change.
Note = Callable[[dict[str, Any]], None]
_LONGEST_LABEL = 63  # characters


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


def check_files(folder: Path) -> ModelSpec:
    """Read a model's description and compare every file that it names with its SHA-256.

    Raises
    ------
    InputError
        When a file is missing or damaged.
    """
    spec = read_spec(folder)
    hashes = {WEIGHTS: spec.weights_sha256, PROFILE: spec.profile}
    if spec.abstention and spec.abstention.typical:
        hashes[TYPICAL] = spec.abstention.typical.sha256
    if spec.onnx:
        hashes |= {ONNX: spec.onnx.sha256, EXPLAIN: spec.onnx.explain}
        if "int8" in spec.onnx.reduced:
            hashes[INT8] = spec.onnx.reduced["int8"].sha256
    for name in spec.files():
        check_model_file(folder / name, _LIMIT)
        check_hash(folder / name, hashes[name])
    return spec


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


def plan_promotion(catalog: Catalog, word: str, *, reason: str = "", accept_unjudged: Sequence[str] = ()) -> Decision:
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

    Raises
    ------
    InputError
        When there is no such model, it is in production already or retired, a file of it is missing or damaged, or a
        verdict of the gate is against it.
    """
    from aletheia.release.exceptions import Exceptions
    from aletheia.release.gate_check import NOT_JUDGED

    model, accepted = catalog.find(word), Exceptions.parse(list(accept_unjudged)).accepted_codes()
    if model.state == IN_PRODUCTION:
        raise InputError(f"{model.name} is in production already.")
    if model.state == GONE:
        raise InputError(f"{model.name} is retired and cannot be promoted; register it again to give it a new version.")
    spec = check_files(_folder(model))
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
    return Decision(PROMOTE, model, _now(catalog), reason, _evaluation(model), (*stored, *now))


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
        check_files(_folder(model))
        return Decision(ROLLBACK, model, _now(catalog), reason, _evaluation(model))
    problems = []
    for uid in earlier_versions(catalog):
        candidate = catalog.by_uid(uid)
        if candidate is None or candidate.state == GONE:
            continue
        try:
            check_files(_folder(candidate))
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


def make(decision: Decision, reader: Reader, note: Note, *, project: str, key: str = MODEL_KEY) -> None:
    """Note a decision in its run, then carry it out.

    The tag moves in one transaction of the tracking server, so whatever ends this process, and whenever, there is one
    model in production. The note comes first: a run that was killed before the change says what it was about to do.

    Raises
    ------
    InputError
        When the server does not take it.
    """
    note(decision.results())
    if decision.action != RETIRE:
        reader.set_tag(project, PRODUCTION, key, decision.model.uid)
        return
    reader.set_tag(project, f"{RETIRED}{decision.model.name}", key, decision.model.uid)
    if CANDIDATE in decision.model.tags:  # else it would answer where nothing is in production
        reader.remove_tag(project, CANDIDATE, key, decision.model.uid)


@contextlib.contextmanager
def noted_run(reader: Reader, action: str, parameters: dict[str, Any], *, project: str) -> Iterator[Note]:
    """Give the block a function that stores results in a new run; the run ends with the block.

    Parameters
    ----------
    reader : Reader
    action : str
        Its name, and value of the label by which the history finds it.
    parameters : dict
        Of the run.
    project : str
    """
    uids: list[str] = []

    def note(results: dict[str, Any]) -> None:
        labels = {LABEL: action, "owner": getpass.getuser()[:_LONGEST_LABEL]}
        uids.append(reader.note_run(project, action, results, parameters=parameters, labels=labels, state="running"))

    try:
        yield note
    except BaseException as error:
        for uid in uids:
            with contextlib.suppress(InputError):  # what is raised says more
                reader.end_run(project, uid, "error", str(error))
        raise
    for uid in uids:
        reader.end_run(project, uid, "completed")


def change(
    action: str,
    word: str = "",
    *,
    reason: str = "",
    accept_unjudged: Sequence[str] = (),
    project: str,
    note: Note | None = None,
) -> Decision:
    """Promote, roll back to, or retire a model.

    Parameters
    ----------
    action : {'promote', 'rollback', 'retire'}
    word : str
        Version, tag or first digits of the uid; empty only for a rollback, to the version before.
    reason, accept_unjudged
        See `plan_promotion`.
    project : str
    note : callable, optional
        Stores results in the run of the caller; by default a run is noted.

    Returns
    -------
    Decision
        What was done.

    Raises
    ------
    InputError
        When it may not be done, or the tracking server does not answer.
    """
    from aletheia.tracking import ensure_tracking

    with Reader(ensure_tracking()) as reader:
        catalog = load_catalog(reader, project)
        if action == PROMOTE:
            decision = plan_promotion(catalog, word, reason=reason, accept_unjudged=accept_unjudged)
        elif action == ROLLBACK:
            decision = plan_rollback(catalog, word, reason=reason)
        else:
            decision = plan_retirement(catalog, word, reason=reason)
        if note is not None:
            make(decision, reader, note, project=project)
            return decision
        parameters = {"version": word, "reason": reason, "accept_unjudged": list(accept_unjudged)}
        with noted_run(reader, action, parameters, project=project) as noted:
            make(decision, reader, noted, project=project)
    return decision


def _now(catalog: Catalog) -> str:
    return catalog.production.name if catalog.production else ""


def _folder(model: ModelVersion) -> Path:
    if model.folder is None:
        raise InputError(f"{model.name} lies at {model.target}, not on this machine; download that folder first.")
    return model.folder


def _evaluation(model: ModelVersion) -> str:
    return model.labels.get("evaluation", "")
