"""Runs of killed processes, ended by whoever begins the next one.

The embedded service does it by itself (`aletheia.tracking.owners`); an MLRun server knows no processes.
"""

from __future__ import annotations

from aletheia.tracking.owners import is_alive
from aletheia.tracking.process_label import LABEL, labelled_process
from aletheia.tracking.reader import Reader
from aletheia.tracking.resources.runs import TERMINAL

_UNFINISHED = ("running", "pending", "created")


def has_ended(value: object) -> bool:
    """Whether the process that a label names is one of this host, and gone; False wherever that is not certain."""
    process = labelled_process(value)
    return process is not None and not is_alive(process)


def end_lost_runs(reader: Reader, project: str) -> list[str]:
    """Mark the runs as aborted whose processes, of this host, ended without finishing them.

    Parameters
    ----------
    reader : Reader
        Of the tracking server.
    project : str
        Name of the project.

    Returns
    -------
    list of str
        Their uids, that of an iteration once more for each.

    Raises
    ------
    InputError
        When the server does not answer, or does not take the change.
    """
    ended = []
    for run in reader.runs(project, label=LABEL, states=_UNFINISHED):
        metadata = run["metadata"]
        uid, iteration, process = metadata["uid"], int(metadata.get("iteration") or 0), metadata["labels"][LABEL]
        if not has_ended(process):
            continue
        # Read again: it may have ended between the listing and its process's end. From now on nobody writes it.
        written = {int(one["metadata"].get("iteration") or 0): one["status"] for one in reader.runs(project, uid)}
        if iteration not in written or written[iteration].get("state") in TERMINAL:
            continue
        text = f"Aborted: the process that ran it (pid {process.split('.')[1]}) ended without finishing the run."
        change = {"status.state": "aborted", "status.error": text, "status.status_text": text}
        reader.update_run(project, uid, change, iteration)
        ended.append(uid)
    return ended
