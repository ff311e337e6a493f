"""What an operator looks at before labels count: the statements by answer, and what is suspicious about them."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from aletheia.core.errors import InputError
from aletheia.core.wording import counted
from aletheia.datasets.duplicates import near_duplicates
from aletheia.lifecycle.feedback.pictures import PictureStore
from aletheia.lifecycle.feedback.place import pictures_folder, store_path
from aletheia.lifecycle.feedback.statement import ACCEPTED, LABELS, REJECTED, WAITING, Decision, Statement
from aletheia.lifecycle.feedback.store import FeedbackStore

#: Names of the labels by their numbers.
NAMES = {number: name for name, number in LABELS.items()}
#: Statements of one caller with one label within an hour that are a burst.
BURST = 10
#: A verdict with a probability so near to 0 or 1 is a sure one.
SURE = 0.05
_HOUR = 3600.0
_NEAR_BITS = 4  # of 64, in which the perceptual hashes of near-duplicates differ at most


@dataclasses.dataclass(frozen=True)
class Item:
    """An answer and what was said about it.

    Attributes
    ----------
    answer : str
        Id of the answer.
    statements : tuple of Statement
        In order of time.
    decisions : mapping of int to Decision
        By label.
    flags : tuple of str
        What is suspicious, a sentence each; empty for nothing.
    """

    answer: str
    statements: tuple[Statement, ...]
    decisions: Mapping[int, Decision]
    flags: tuple[str, ...] = ()

    @property
    def waiting(self) -> tuple[Statement, ...]:
        """The statements whose label nobody decided about."""
        return tuple(one for one in self.statements if one.label not in self.decisions)

    @property
    def state(self) -> str:
        """``waiting`` if a label waits, else ``accepted`` if one was, else ``rejected``."""
        if self.waiting:
            return WAITING
        return ACCEPTED if any(one.state == ACCEPTED for one in self.decisions.values()) else REJECTED

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "id": self.answer,
            "state": self.state,
            "flags": list(self.flags),
            "statements": [{**one._asdict(), "label": NAMES[one.label]} for one in self.statements],
            "decisions": [{**one._asdict(), "label": NAMES[one.label]} for one in self.decisions.values()],
        }


def review(folder: str | Path) -> list[Item]:
    """List all answers with feedback, in order of the first statement, with what is suspicious.

    Parameters
    ----------
    folder : path
        The folder in which the prediction log lies.

    Raises
    ------
    InputError
        When the store is damaged, or of another version.
    """
    store = FeedbackStore(store_path(folder))
    by_answer: dict[str, list[Statement]] = defaultdict(list)
    statements = store.statements()
    for one in statements:
        by_answer[one.answer].append(one)
    decisions: dict[str, dict[int, Decision]] = defaultdict(dict)
    for (answer, label), decision in store.decisions().items():
        decisions[answer][label] = decision
    shared = _add_all(_bursts(statements), _opposite_pictures(statements))
    return [
        Item(answer, tuple(said), decisions[answer], (*_flags(said, decisions[answer]), *shared[answer]))
        for answer, said in by_answer.items()
    ]


def _flags(said: Sequence[Statement], decisions: Mapping[int, Decision]) -> list[str]:
    """Find what is suspicious about the statements on one answer."""
    flags = []
    if len({one.label for one in said}) > 1:
        flags.append("callers contradict each other")
    accepted = [label for label, decision in decisions.items() if decision.state == ACCEPTED]
    if accepted and any(one.label not in accepted for one in said):
        flags.append(f"contradicts the accepted label {NAMES[accepted[0]]}")
    if any(one.changes for one in said):
        flags.append("a caller said something else before")
    if any(_is_against_a_sure_verdict(one) for one in said):
        flags.append("contradicts a sure verdict")
    return flags


def _is_against_a_sure_verdict(one: Statement) -> bool:
    if one.probability is None:
        return False
    is_sure_real = one.verdict == "real" and one.probability <= SURE
    is_sure_fake = one.verdict == "fake" and one.probability >= 1 - SURE
    return (is_sure_real and one.label == 1) or (is_sure_fake and one.label == 0)


def _bursts(statements: Sequence[Statement]) -> dict[str, list[str]]:
    """Flag answers on which one caller set one label within an hour as on many others."""
    flags: dict[str, list[str]] = defaultdict(list)
    by_caller: dict[tuple[str, int], list[Statement]] = defaultdict(list)
    for one in statements:
        by_caller[one.caller, one.label].append(one)
    for (_, label), said in by_caller.items():
        times = np.array([one.time for one in said])  # in order
        within = np.searchsorted(times, times + _HOUR) - np.arange(len(said))
        for start in np.flatnonzero(within >= BURST):
            text = f"one of {within[start]}+ times “{NAMES[label]}” by one caller in an hour"
            for one in said[start : start + within[start]]:
                if not flags[one.answer]:
                    flags[one.answer].append(text)
    return flags


def _opposite_pictures(statements: Sequence[Statement]) -> dict[str, list[str]]:
    """Flag answers whose pictures are near-duplicates with opposite labels."""
    flags: dict[str, list[str]] = defaultdict(list)
    with_picture = [one for one in statements if one.phash]
    values = np.array([int(one.phash, 16) for one in with_picture], dtype=np.uint64)
    pairs = near_duplicates(values, _NEAR_BITS, forest=True)
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(values),) * 2)
    roots = connected_components(links, directed=False)[1].tolist() if len(values) else []
    labels: dict[int, set[int]] = defaultdict(set)
    for root, one in zip(roots, with_picture, strict=True):
        labels[root].add(one.label)
    for root, one in zip(roots, with_picture, strict=True):
        if len(labels[root]) > 1 and not flags[one.answer]:
            flags[one.answer].append("a near-duplicate of its picture has the opposite label")
    return flags


def _add_all(*parts: Mapping[str, list[str]]) -> dict[str, list[str]]:
    total: dict[str, list[str]] = defaultdict(list)
    for part in parts:
        for answer, flags in part.items():
            total[answer] += flags
    return total


@dataclasses.dataclass(frozen=True)
class Choice:
    """Labels to decide about.

    Attributes
    ----------
    chosen : tuple of Statement
        One for each answer: the first with the label.
    left_out : tuple of (str, str)
        Ids of answers that a filter met and that were left out all the same, and why.
    """

    chosen: tuple[Statement, ...]
    left_out: tuple[tuple[str, str], ...] = ()


def choose(
    items: Sequence[Item],
    ids: Sequence[str] = (),
    *,
    source: str = "",
    since: float = 0.0,
    label: str = "",
    with_flags: bool = False,
) -> Choice:
    """Choose labels that wait, by ids or by a filter.

    By a filter, answers with flags are left out unless `with_flags`; those whose waiting statements contradict each
    other are left out unless `label` says which counts.

    Parameters
    ----------
    items : sequence of Item
    ids : sequence of str
        Of answers, or first digits of them; none: all that the filter meets.
    source : str
        One of `aletheia.lifecycle.feedback.statement.SOURCES`; empty: any.
    since : float
        Seconds since 1970 from which on statements count.
    label : str
        ``genuine`` or ``fake``; empty: any.
    with_flags : bool

    Raises
    ------
    InputError
        When an id is unknown or ambiguous, nothing about it waits, or its statements contradict each other.
    """
    named = [_find(items, text) for text in ids]
    chosen, left_out = [], []
    for item in named or items:
        said = [
            one
            for one in (item.statements if named else item.waiting)
            if one.time >= since and source in ("", one.source) and label in ("", NAMES[one.label])
        ]
        if not said:
            if named:
                raise InputError(f"Nobody said that about the answer {item.answer}; aletheia feedback show lists it.")
            continue
        if len({one.label for one in said}) > 1:
            if named:
                raise InputError(f"What was said about {item.answer} contradicts itself; choose with --label.")
            left_out.append((item.answer, "callers contradict each other"))
        elif item.flags and not named and not with_flags:
            left_out.append((item.answer, "; ".join(item.flags)))
        else:
            chosen.append(said[0])
    return Choice(tuple(chosen), tuple(left_out))


def decide(folder: str | Path, choice: Choice, state: str, by: str, now: float, reason: str = "") -> None:
    """Write what was decided about the chosen labels, with who and when, in one transaction."""
    decisions = [Decision(one.answer, state, one.label, one.source, one.time, by, now, reason) for one in choice.chosen]
    FeedbackStore(store_path(folder)).decide(decisions)


def forget(folder: str | Path, answer: str) -> tuple[int, int]:
    """Delete all that is known about an answer; returns the numbers of statements and of pictures.

    A picture that another answer's statement names as well is kept.
    """
    store, pictures = FeedbackStore(store_path(folder)), PictureStore(pictures_folder(folder))
    gone = store.forget(answer)
    named = {one.picture for one in store.statements()}
    deleted = [pictures.delete(name) for name in {one.picture for one in gone} - named - {""}]
    return len(gone), sum(deleted)


def _find(items: Sequence[Item], text: str) -> Item:
    found = [item for item in items if item.answer.startswith(text)] if text else []
    if len(found) != 1:
        how_many = "no answer" if not found else counted(len(found), "answer")
        raise InputError(f"{text!r} names {how_many} with feedback; aletheia feedback list shows their ids.")
    return found[0]
