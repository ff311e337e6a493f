"""The first sentences about an evaluation: how the data differ from the training, and what the answers are worth here.

The same sentences stand on the console and at the head of the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.training_records import GivenAwayRecord, NamesRecord, ShiftRecord, TrainingRecord
from aletheia.release.usage_records import AnsweredRecord, GroupPromiseRecord
from aletheia.stats.estimate import Estimate

_SHOWN, _SHIFTS, _LEARNERS, _GROUPS = 5, 3, 3, 6
_CHANCE = 0.5
_PLURALS = {"source": "sources", "generator": "generators", "ethnicity": "ethnicities", "gender": "genders"}
_CLASSES = {"real": "genuine faces", "fake": "fakes"}
_HOLDS = {True: "holds", False: "does NOT hold", None: "cannot be judged"}


def ranking_words(auc: Estimate) -> str:
    """Say what an AUC that is not above chance means; empty where its interval lies above 0.5."""
    if not auc.is_defined:
        return ""
    if auc.has_interval:
        if auc.high < _CHANCE:
            return "ranks the wrong way round: fakes score lower than genuine faces"
        return "" if auc.low > _CHANCE else "no better than chance, as far as these faces can tell"
    return "" if auc.value > _CHANCE else "not above chance"


def abroad_sentences(report: EvaluationReport) -> list[str]:
    """Return the sentences, the most important first; none where nothing is known."""
    parts = [
        _one_class(report),
        _ranking(report),
        report.other_sources,
        report.kind_note,
        *_differences(report.training),
        *_answers(report),
        *_controls(report),
    ]
    return [sentence for sentence in parts if sentence]


def _one_class(report: EvaluationReport) -> str:
    if report.n_real and report.n_fake:
        return ""
    kind, errors = ("genuine faces", "false alarms") if report.n_real else ("fakes", "misses")
    return f"All of these are {kind}: what can be measured are {errors}, as a whole and by group; no ranking."


def _ranking(report: EvaluationReport) -> str:
    words = ranking_words(report.metrics.auc)
    return f"AUC {report.metrics.auc:.3f}: {words}." if words else ""


def _differences(training: TrainingRecord | None) -> list[str]:
    if training is None:
        return [
            "The model does not say what it was trained on in numbers (it is of an earlier version), so its training "
            "and these faces cannot be compared; train it again."
        ]
    new = [_unknown(names) for names in training.names if names.unknown]
    sentences = [f"Unknown to the model: {'; '.join(new)}."] if new else []
    known = [
        _PLURALS.get(names.column, f"{names.column.replace('_', ' ')}s")
        for names in training.names
        if not names.unknown
    ]
    if known:
        columns = " and ".join(filter(None, [", ".join(known[:-1]), known[-1]]))
        sentences.append(f"All of these faces' {columns} were in training.")
    differing = [shift for shift in training.shifts if shift.differs]
    if differing:
        shown = "; ".join(_shift(shift) for shift in differing[:_SHIFTS])
        sentences.append(
            f"{len(differing)} of {len(training.shifts)} measured properties differ from the training (distance 0: "
            f"alike, 1: nothing in common): {shown}."
        )
    elif training.shifts:
        sentences.append(f"None of {len(training.shifts)} measured properties differs from the training.")
    if training.far is not None:
        far, share = training.far, training.far.share
        beyond = Estimate(share, far.share_low, far.share_high).text(".1%")
        sentences.append(
            f"In the network's features, spectrum and colours {beyond} of the faces lie farther from the training "
            f"faces than {far.level:.0%} of faces of their kind do."
        )
    return sentences


def _unknown(names: NamesRecord) -> str:
    more = f" and {len(names.unknown) - _SHOWN} more" if len(names.unknown) > _SHOWN else ""
    column = (
        names.column if len(names.unknown) == 1 else _PLURALS.get(names.column, f"{names.column.replace('_', ' ')}s")
    )
    return f"{column} {', '.join(names.unknown[:_SHOWN])}{more} ({names.rows:,} of {names.of:,} faces)"


def _shift(shift: ShiftRecord) -> str:
    text = f"{shift.name} {shift.distance:.2f}"
    if math.isfinite(shift.median) and math.isfinite(shift.trained_median):
        text += f" (median {shift.median:.4g}, in training {shift.trained_median:.4g})"
    return text


def _answers(report: EvaluationReport) -> list[str]:
    rows = {row.label: row for row in report.abstention.table}
    if "all" not in rows:
        return []
    answered, wrong = (rows["all"].with_interval(name) for name in ("answered", "error_answered"))
    text = f"It answers {answered.text('.1%')} of the faces"
    if rows["all"].answered:
        text += f"; wrong are {wrong.text('.1%')} of the answers"
    present = [label for label in _CLASSES if label in rows and rows[label].n]
    if rows["all"].answered and len(present) > 1:
        text += f": {', '.join(_wrong(rows[label], _CLASSES[label]) for label in present)}"
    sentences = [f"{text}."]
    for row in report.abstention.coverage:
        if row.n:
            reason = f": {row.reason}" if row.kept is None else ""
            sentences.append(
                f"The promise that the right label is plausible for {row.promised:.0%} of the {_CLASSES[row.label]} "
                f"{_HOLDS[row.kept]} here: it is for {row.with_interval('covered').text('.1%')}{reason}."
            )
    if groups := report.abstention.groups:
        sentences.append(_groups(groups))
    return sentences


def _wrong(row: AnsweredRecord, kind: str) -> str:
    errors = row.with_interval("error_answered")
    return f"{errors.text('.1%')} of the answered {kind}" if errors.is_defined else f"no {kind} are answered"


def _groups(groups: Sequence[GroupPromiseRecord]) -> str:
    counts = {kept: sum(row.kept is kept for row in groups) for kept in _HOLDS}
    found = ", ".join(f"{text} in {counts[kept]}" for kept, text in _HOLDS.items() if counts[kept])
    text = f"Of {len(groups)} parts by source, generator, people and label it {found}"
    broken = sorted((row for row in groups if row.kept is False), key=lambda row: row.covered)
    if not broken:
        return f"{text}."
    shown = ", ".join(
        f"{row.column} {row.value} ({row.label}, {row.with_interval('covered').text('.0%')})"
        for row in broken[:_GROUPS]
    )
    more = f" and {len(broken) - _GROUPS} more" if len(broken) > _GROUPS else ""
    return f"{text}: not in {shown}{more}."


def _controls(report: EvaluationReport) -> list[str]:
    sentences, training = [], report.training
    scored = [record for record in training.given_away if record.estimate.is_defined] if training else []
    if scored:
        shown = ", ".join(_learner(record) for record in scored[:_LEARNERS])
        sentences.append(
            f"Learners that are blind to faces, trained on the same training faces: {shown}; the network "
            f"{report.metrics.auc:.3f}."
        )
    # Where training rows are at hand, the audit is about these.
    if report.leaks is None and report.audit:
        # Without intervals there are too few groups for learners that are scored on others than they learn from.
        telling = sorted((family for family in report.audit if family.estimate.has_interval), key=lambda f: -f.auc)
        shown = ", ".join(f"{family.name} {family.estimate:.3f}" for family in telling[:_LEARNERS])
        if shown:
            sentences.append(f"How biased these faces are, by learners trained and cross-validated on them: {shown}.")
    return sentences


def _learner(record: GivenAwayRecord) -> str:
    trained = f", {record.trained_auc:.3f} within the training" if math.isfinite(record.trained_auc) else ""
    words = ranking_words(record.estimate)
    wrong = ", the wrong way round" if words.startswith("ranks") else ""
    return f"{record.name} {record.estimate:.3f}{wrong}{trained}"
