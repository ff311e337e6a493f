"""Reading of labels as a table, one row an answer."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aletheia.lifecycle.feedback.place import store_path
from aletheia.lifecycle.feedback.statement import ACCEPTED
from aletheia.lifecycle.feedback.store import FeedbackStore

#: Columns of `read_labels`.
COLUMNS = ("id", "label", "source", "time")


def read_labels(folder: str | Path, accepted: bool = True) -> pd.DataFrame:
    """Read the labels of answers.

    Parameters
    ----------
    folder : path
        The folder in which the prediction log lies (see `aletheia.lifecycle.prediction_log.place`).
    accepted : bool
        Only those that the operator accepted. Otherwise also those that wait, which anybody may have made up: for
        answers on which their callers agree; what was rejected is left out.

    Returns
    -------
    DataFrame
        In order of time: ``id`` of the answer, unique; ``label``, int, 0 genuine and 1 fake; ``source``, one of
        `aletheia.lifecycle.feedback.statement.SOURCES`; ``time`` of the statement as timestamp (UTC). Without a store
        it is empty.

    Raises
    ------
    InputError
        When the file is no store of feedback, or one of another version.
    """
    store = FeedbackStore(store_path(folder))
    decisions = store.decisions()
    rows = {
        decision.answer: (decision.label, decision.source, decision.time)
        for decision in decisions.values()
        if decision.state == ACCEPTED
    }
    if not accepted:
        waiting = [said for said in store.statements() if (said.answer, said.label) not in decisions]
        said_by_answer: dict[str, set[int]] = {}
        for said in waiting:
            said_by_answer.setdefault(said.answer, set()).add(said.label)
        for said in waiting:
            if said.answer not in rows and len(said_by_answer[said.answer]) == 1:
                rows[said.answer] = (said.label, said.source, said.time)
    frame = pd.DataFrame([(answer, *row) for answer, row in rows.items()], columns=list(COLUMNS))
    frame["label"] = frame["label"].astype("int64")
    frame["time"] = pd.to_datetime(frame["time"].astype(float), unit="s", utc=True)
    return frame.sort_values(["time", "id"], ignore_index=True)
