"""Deleting the files of old runs, but nothing that a model in use, or a newer run, was made from."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aletheia.core.buckets.addresses import is_bucket_url
from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.catalog import load_catalog, version_tags
from aletheia.tracking.reader import Reader

_UID = re.compile(r"[0-9a-f]{8,64}")
#: Any identifier in a record: of a run, or of the workflow that is the tree of its artifacts.
_IDENTIFIER = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_ACTIVE = ("created", "pending", "running")


@dataclasses.dataclass
class RunGroup:
    """The runs of one workflow, or a run of a notebook.

    Attributes
    ----------
    key : str
        Of the workflow, or the run's uid.
    started : str
        ISO time of the first run.
    uids : set of str
        Of the runs.
    names : list of str
        Of the runs.
    mentions : set of str
        All identifiers in the records of the runs and of what they logged.
    is_active : bool
        Whether a run has not ended.
    """

    key: str
    started: str
    uids: set[str] = dataclasses.field(default_factory=set)
    names: list[str] = dataclasses.field(default_factory=list)
    mentions: set[str] = dataclasses.field(default_factory=set)
    is_active: bool = False


@dataclasses.dataclass(frozen=True)
class PrunePlan:
    """What a pruning deletes: folders with their bytes; and how many groups of runs keep theirs, and why.

    Folders of the same runs in buckets are listed and stay: others may use them, whose tracking service is another.
    """

    folders: dict[Path, int]
    in_buckets: list[str]
    deleted: int
    newest: int
    needed: int

    @property
    def bytes(self) -> int:
        """Size of all that is deleted."""
        return sum(self.folders.values())


def plan_prune(root: Path, keep: int, *, url: str, project: str) -> PrunePlan:
    """Choose the folders of artifacts that nothing needs.

    Kept are the newest `keep` groups of runs, groups that are running, those that made a model which answered in
    production at any time or has a tag besides ``latest`` and its version (production, candidate), and whatever any of
    these was made from.

    Parameters
    ----------
    root : Path
        The project's folder.
    keep : int
        Groups of runs that are kept in any case, at least 1.
    url, project : str
        Address of the tracking service, and the project's name there.

    Raises
    ------
    InputError
        When `keep` is below 1, or the tracking service does not answer.
    """
    if keep < 1:
        raise InputError(f"--keep is {keep}; the newest run at least is kept.")
    with Reader(url) as reader:
        runs, artifacts = reader.runs(project), reader.artifacts(project)
        answered = {switch.uid for switch in load_catalog(reader, project).switches}
    groups = group_runs(runs, artifacts)
    newest = {group.key for group in sorted(groups, key=lambda group: group.started)[-keep:]}
    roots = newest | {group.key for group in groups if group.is_active}
    in_use: set[str] = set()
    for artifact in artifacts:
        tags = set(artifact["metadata"]["tags"])
        is_tagged = artifact.get("kind") == "model" and tags - version_tags(tags)
        if is_tagged or artifact["metadata"]["uid"] in answered:
            in_use |= _identifiers(artifact)
    roots |= {group.key for group in groups if in_use & (group.uids | {group.key})}
    kept = _with_sources(groups, roots)
    dropped = [group for group in groups if group.key not in kept]
    folders, uids = {}, {uid for group in dropped for uid in group.uids}
    for uid in sorted(uids):
        folder = root / "artifacts" / uid
        if _UID.fullmatch(uid) and folder.is_dir() and not folder.is_symlink():
            folders[folder] = sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())
    targets = {str((run.get("spec") or {}).get("output_path", "")) for run in runs if run["metadata"]["uid"] in uids}
    # A path that all runs share is none of theirs alone.
    in_buckets = sorted(path for path in targets if is_bucket_url(path) and path.rpartition("/")[2] in uids)
    return PrunePlan(folders, in_buckets, len(dropped), len(newest), len(kept) - len(newest))


def prune(plan: PrunePlan) -> None:
    """Delete the folders of a plan. The records of the runs (parameters, results) stay.

    Raises
    ------
    InputError
        When one cannot be deleted.
    """
    for folder in plan.folders:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise InputError(f"{folder} cannot be deleted ({error.strerror or error}).") from None


def group_runs(runs: Iterable[dict[str, Any]], artifacts: Iterable[dict[str, Any]]) -> list[RunGroup]:
    """Group runs by their workflow, each with the identifiers that its records mention."""
    groups: dict[str, RunGroup] = {}
    of_identifier: dict[str, RunGroup] = {}
    for run in runs:
        metadata, status = run["metadata"], run["status"]
        uid = metadata["uid"]
        key = (metadata.get("labels") or {}).get("workflow") or uid
        started = str(status.get("start_time", ""))
        group = groups.setdefault(key, RunGroup(key, started))
        group.started = min(group.started, started)
        group.uids.add(uid)
        group.names.append(metadata["name"])
        group.mentions |= _identifiers(run)
        group.is_active |= status.get("state") in _ACTIVE
        of_identifier[uid] = of_identifier[key] = group
    for artifact in artifacts:
        mentioned = _identifiers(artifact)
        for identifier in mentioned & of_identifier.keys():
            # Its own group's, or one that only refers to it, in which case more is kept than needed.
            if identifier in (artifact["metadata"].get("tree"), *_producers(artifact)):
                of_identifier[identifier].mentions |= mentioned
    return list(groups.values())


def _producers(artifact: dict[str, Any]) -> set[str]:
    return _identifiers((artifact.get("spec") or {}).get("producer") or {})


def _with_sources(groups: list[RunGroup], roots: set[str]) -> set[str]:
    """Add the groups that these, directly or through others, were made from."""
    of_identifier = {identifier: group for group in groups for identifier in (group.key, *group.uids)}
    kept, waiting = set(roots), list(roots)
    by_key = {group.key: group for group in groups}
    while waiting:
        for identifier in by_key[waiting.pop()].mentions & of_identifier.keys():
            source = of_identifier[identifier].key
            if source not in kept:
                kept.add(source)
                waiting.append(source)
    return kept


def _identifiers(record: dict[str, Any]) -> set[str]:
    return set(_IDENTIFIER.findall(json.dumps(record, default=str)))
