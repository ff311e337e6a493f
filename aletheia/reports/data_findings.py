"""Findings about a data set in plain sentences: the top of the data report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from html import escape
from typing import NamedTuple

import pandas as pd

from aletheia.audit.audit import Audit
from aletheia.datasets.balance import BalanceReport
from aletheia.datasets.bias import BiasReport
from aletheia.datasets.grouping import Known
from aletheia.reports.formatting import number
from aletheia.stats.tabular import Shortcut

#: A shortcut AUC whose interval lies above this is a warning.
SHORTCUT_LIMIT = 0.6
_MANY_SKIPPED = 0.05  # of all rows
_UNEVEN = 0.2  # difference between the shares of real and fake images for which a column is filled
_WEAK, _STRONG, _PERFECT = 0.1, 0.3, 0.999  # Cramér's V


class Finding(NamedTuple):
    """A sentence, and whether it is "good", "bad" or neither ("")."""

    kind: str
    text: str


def render_findings(
    before: BiasReport,
    after: BiasReport,
    balancing: BalanceReport,
    shortcut: Shortcut,
    shortcut_train: Shortcut | None,
    skipped: pd.DataFrame,
    leaks: pd.DataFrame | None,
    audits: tuple[Audit, Audit] | None,
    remedy_messages: Iterable[str],
    known: Known | None = None,
    notes: Iterable[str] = (),
) -> str:
    """Render all findings as HTML; the parameters are those of `aletheia.reports.data_report.render_data_report`."""
    findings = [
        _size("Before", before),
        _size("After", after),
        _shortcut("Test images. ", shortcut),
    ]
    if shortcut_train is not None:
        findings.append(_shortcut("Training images, cross-validated. ", shortcut_train))
    if audits is not None:
        findings += _audits(*audits, list(remedy_messages))
    findings += [_sources(before, after), *_columns(after), *_balancing(balancing)]
    findings += [Finding("", note) for note in notes]
    if leaks is not None:
        findings.append(_leaks(leaks, known))
    if len(skipped):
        findings.append(_skipped(skipped, before))
    return "".join(f'<div class="finding {kind}">{escape(text)}</div>' for kind, text in findings)


def _size(when: str, report: BiasReport) -> Finding:
    n, fakes, rate = (report.rates[name].iloc[0] for name in ("n", "n_fake", "fake_rate"))
    larger = "fake" if rate >= 0.5 else "real"
    return Finding(
        "",
        f"{when} balancing there are {n:,} images, {fakes:,} of them fake ({rate:.0%}). Always answering “{larger}” is "
        f"right in {max(rate, 1 - rate):.0%}: an accuracy means something only above that.",
    )


def _shortcut(rows: str, shortcut: Shortcut) -> Finding:
    text = rows + shortcut.sentence()
    if shortcut.reason:
        return Finding("", text)
    if shortcut.low > SHORTCUT_LIMIT:
        return Finding("bad", text + " A network that scores no better has shown nothing about faces.")
    return Finding("good" if shortcut.high <= SHORTCUT_LIMIT else "", text)


def _audits(pictures: Audit, crops: Audit, remedy_messages: list[str]) -> Iterator[Finding]:
    yield Finding("", "The audit predicts the label from everything but the face (examples in audit_report.html):")
    yield from _audit("The pictures as they were delivered. ", pictures)
    yield from (Finding("", text) for text in remedy_messages)
    after = ", after the remedies" if remedy_messages else ""
    yield from _audit(f"The crops that the network will see{after}. ", crops)
    control = crops.best_control
    if not control.outcome.reason:
        yield Finding(
            "",
            f"A network on these crops has shown something only above an AUC of {control.outcome.auc:.2f}: that is "
            f"the AUC of “{control.name}”.",
        )


def _audit(rows: str, audit: Audit) -> Iterator[Finding]:
    yield from (Finding(audit.verdict, rows + sentence) for sentence in audit.sentences())


def _sources(before: BiasReport, after: BiasReport) -> Finding:
    v = after.cramers_v("source")
    if math.isnan(v):
        return Finding("", "The sources of the images are unknown.")
    previous = number(before.cramers_v("source"), ".2f")
    text = f"Cramér's V between source and label is {v:.2f} (before balancing {previous})"
    if v >= _PERFECT:
        text += ": no source has both real and fake images, so that a model may learn sources instead of fakes."
        return Finding("bad", text)
    if v >= _STRONG:
        return Finding("bad", f"{text}: where an image comes from says much about its label.")
    kind = "good" if v < _WEAK else ""
    return Finding(kind, f"{text}: 0 says nothing about the label, 1 determines it.")


def _columns(after: BiasReport) -> Iterator[Finding]:
    for row in after.associations.itertuples():
        if row.column in ("source", "generator") or " × " in row.column:
            continue
        name = row.column.replace("_", " ")
        if abs(row.known_real - row.known_fake) > _UNEVEN:
            yield Finding(
                "bad",
                f"{name.capitalize()} is known for {row.known_real:.0%} of the real and {row.known_fake:.0%} of the "
                "fake images: whether it is known already says something about the label, and groups cannot be "
                "compared fairly.",
            )
        if row.verdict in ("medium", "large"):
            yield Finding(
                "bad",
                f"Groups of {name} differ in their share of fakes (Cramér's V {row.cramers_v:.2f}, a {row.verdict} "
                "effect).",
            )


def _balancing(balancing: BalanceReport) -> Iterator[Finding]:
    yield Finding(
        "",
        f"Balancing by the policy “{balancing.policy}” drew {balancing.drawn:,} of {balancing.pool:,} images of the "
        f"pool: {balancing.real_before:,} real training images became {balancing.real_after:,}, beside "
        f"{balancing.fake:,} fakes.",
    )
    yield from (Finding("", text) for text in balancing.notes)


def _leaks(leaks: pd.DataFrame, known: Known | None) -> Finding:
    if len(leaks):
        return Finding("bad", f"{len(leaks):,} leaks between the splits were found.")
    if known is None:
        return Finding("good", "No group of images is on two sides of the split.")
    if not known.known:
        return Finding("bad", known.sentence())
    kind = "good" if 2 * known.known >= known.rows and not known.guessed else ""
    return Finding(kind, f"No known group of images is on two sides of the split. {known.sentence()}")


def _skipped(skipped: pd.DataFrame, before: BiasReport) -> Finding:
    reasons = skipped["reason"].astype(str).str.replace(r" as .*", "", regex=True).value_counts()
    listed = "; ".join(f"{count:,} × {reason}" for reason, count in reasons.head(4).items())
    kind = "bad" if len(skipped) > _MANY_SKIPPED * before.rates["n"].iloc[0] else ""
    return Finding(kind, f"{len(skipped):,} file{'s were' if len(skipped) > 1 else ' was'} left out: {listed}.")
