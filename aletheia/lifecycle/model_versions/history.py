"""What was in production, since when, by whom and why: changes of the tag joined with the runs that made them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from aletheia.lifecycle.model_versions.catalog import LABEL, Catalog, Switch

#: Action of a change that no run of ours made: somebody set the tag by another program.
TAGGED = "tagged"
ROLLBACK, PROMOTE, REGISTER, RETIRE, DEPLOY = "rollback", "promote", "register", "retire", "deploy"


@dataclasses.dataclass(frozen=True)
class Change:
    """A change of what is in production, or a retirement.

    Attributes
    ----------
    moment : str
        ISO time.
    action : {'register', 'promote', 'rollback', 'retire', 'tagged'}
    to : str
        The version that answers since; of a retirement the one that was retired.
    before : str
        The version that answered until then; empty for the first one and for retirements.
    uid : str
        Of the artifact of `to`.
    who, reason, evaluation, exceptions : str
        As far as the run says: the user, the reason given, the run of the evaluation that let it pass, and what was
        accepted or waived by name.
    run : str
        uid of the run; empty for "tagged".
    """

    moment: str
    action: str
    to: str
    before: str
    uid: str
    who: str = ""
    reason: str = ""
    evaluation: str = ""
    exceptions: str = ""
    run: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return plain values for JSON; `before` under the name "from"."""
        values = dataclasses.asdict(self)
        return {"from" if name == "before" else name: value for name, value in values.items()}


def list_changes(catalog: Catalog) -> list[Change]:
    """List the changes, the first one first.

    A run notes what it is about to do before it does it, and the tracking service notes the change together with the
    tag, in one transaction. So a process that was killed between the two is told from one that was killed after both:
    only the latter has a change.
    """
    changes, before = [], ""
    for switch in catalog.switches:
        run = _run_of(switch, catalog.runs)
        changes.append(_change(switch.moment, switch.name, before, switch.uid, run))
        before = switch.name
    for run in catalog.runs:
        results = run["status"].get("results") or {}
        if run["metadata"]["labels"].get(LABEL) == RETIRE and run["status"].get("state") == "completed":
            moment = str(run["status"].get("start_time") or "")
            changes.append(_change(moment, str(results.get("to") or ""), "", str(results.get("to_uid") or ""), run))
    return sorted(changes, key=lambda change: _seconds(change.moment))


def _run_of(switch: Switch, runs: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the newest run that was about to make a change, of those that began before it."""
    cause = None
    for run in runs:
        action, results = run["metadata"]["labels"].get(LABEL), run["status"].get("results") or {}
        begun = _seconds(str(run["status"].get("start_time") or ""))
        is_cause = results.get("to_uid") == switch.uid and begun <= _seconds(switch.moment)
        if is_cause and action in (REGISTER, PROMOTE, ROLLBACK):
            cause = run
    return cause


def _change(moment: str, to: str, before: str, uid: str, run: dict[str, Any] | None) -> Change:
    if run is None:
        return Change(moment, TAGGED, to, before, uid)
    labels, results = run["metadata"]["labels"], run["status"].get("results") or {}
    return Change(
        moment=moment,
        action=labels[LABEL],
        to=to,
        before=before,
        uid=uid,
        who=str(labels.get("owner") or ""),
        reason=str(results.get("reason") or ""),
        evaluation=str(results.get("evaluation") or ""),
        exceptions=str(results.get("exceptions") or ""),
        run=run["metadata"]["uid"],
    )


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0


def earlier_versions(catalog: Catalog) -> list[str]:
    """Return the uids that a rollback may go back to, the nearest one first.

    Promotions put a model on a pile, the one in production on top; a rollback takes off what lies above its target, so
    that a second one goes further back and not to the model that was just left.
    """
    pile: list[str] = []
    for change in list_changes(catalog):
        if change.action == RETIRE:
            continue
        if change.action == ROLLBACK and change.uid in pile:
            del pile[pile.index(change.uid) + 1 :]
            continue
        if change.uid in pile:
            pile.remove(change.uid)
        pile.append(change.uid)
    if catalog.production and pile[-1:] == [catalog.production.uid]:
        pile.pop()
    return pile[::-1]
