"""Promotion, rollback and retirement: noted in a run, then done in one transaction.

Nothing here imports MLRun, which takes seconds: who rolls back is in a hurry. The run that is noted is one of MLRun's
all the same, and the function ``production`` (notebook ``11-production``) calls what stands here from a run of its own.

A decision takes seconds of reading. Before it is carried out, what it rests on is read again under a lock that all
changes of this machine take for that moment, the deletion of files included.
"""

from __future__ import annotations

import contextlib
import getpass
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.alias_mirror import align_aliases
from aletheia.lifecycle.model_versions.catalog import LABEL, RETIRED, load_catalog
from aletheia.lifecycle.model_versions.decisions import (
    Decision,
    check_still_holds,
    plan_promotion,
    plan_retirement,
    plan_rollback,
)
from aletheia.lifecycle.model_versions.history import PROMOTE, RETIRE, ROLLBACK
from aletheia.lifecycle.model_versions.lock import models_lock
from aletheia.release.registry import CANDIDATE, MODEL_KEY, PRODUCTION
from aletheia.tracking.process_label import process_label
from aletheia.tracking.reader import Reader

#: Stores results in the run that makes a change.
Note = Callable[[dict[str, Any]], None]
_LONGEST_LABEL = 63  # characters


def make(decision: Decision, reader: Reader, note: Note, *, project: str, key: str = MODEL_KEY) -> None:
    """Look again whether a decision still holds, note it in its run, then carry it out.

    The tag moves in one transaction of the tracking server, so whatever ends this process, and whenever, there is one
    model in production. The note comes first: a run that was killed before the change says what it was about to do.

    Raises
    ------
    InputError
        When something else was changed meanwhile, or the server does not take it.
    """
    with models_lock():
        check_still_holds(decision, load_catalog(reader, project, key))
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
        labels = {LABEL: action, "owner": getpass.getuser()[:_LONGEST_LABEL], **process_label()}
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
    waive: Sequence[str] = (),
    project: str,
    note: Note | None = None,
) -> Decision:
    """Promote, roll back to, or retire a model.

    Parameters
    ----------
    action : {'promote', 'rollback', 'retire'}
    word : str
        Version, tag or first digits of the uid; empty only for a rollback, to the version before.
    reason, accept_unjudged, waive
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
            decision = plan_promotion(catalog, word, reason=reason, accept_unjudged=accept_unjudged, waive=waive)
        elif action == ROLLBACK:
            decision = plan_rollback(catalog, word, reason=reason)
        else:
            decision = plan_retirement(catalog, word, reason=reason)
        if note is not None:
            make(decision, reader, note, project=project)
        else:
            parameters: dict[str, Any] = {"version": word, "reason": reason}
            parameters |= {"accept_unjudged": list(accept_unjudged), "waive": list(waive)}
            with noted_run(reader, action, parameters, project=project) as noted:
                make(decision, reader, noted, project=project)
        if os.environ.get("MLFLOW_TRACKING_URI"):
            align_aliases(load_catalog(reader, project), project)
    return decision
