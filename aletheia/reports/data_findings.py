"""What is to be said about a data set, the findings first and in plain words: the top of the data report."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import pandas as pd

from aletheia.audit.audit import Audit
from aletheia.datasets.balance import BalanceReport
from aletheia.datasets.bias import BiasReport
from aletheia.stats.tabular import Shortcut

#: A shortcut AUC whose interval lies above this is a warning, not a curiosity.
SHORTCUT_LIMIT = 0.6


def findings(
    before: BiasReport,
    after: BiasReport,
    balancing: BalanceReport,
    shortcut: Shortcut,
    shortcut_train: Shortcut | None,
    skipped: pd.DataFrame,
    leaks: pd.DataFrame | None,
    audits: tuple[Audit, Audit] | None,
    done: Iterable[str],
) -> str:
    """All findings as HTML, see :func:`aletheia.reports.data_report.data_report` for what goes in."""
    found: list[tuple[str, str]] = []
    for when, report in (("Before", before), ("After", after)):
        n, fakes, rate = (report.rates[name].iloc[0] for name in ("n", "n_fake", "fake_rate"))
        larger = "fake" if rate >= 0.5 else "real"
        found.append(
            (
                "",
                f"{when} balancing there are {n:,} images, {fakes:,} of them fake ({rate:.0%}). Always "
                "saying "
                f"“{larger}” is right in {max(rate, 1 - rate):.0%}: an accuracy means something only above "
                "that.",
            )
        )
    found.append(_shortcut_finding("Test images. ", shortcut))
    if shortcut_train is not None:
        found.append(_shortcut_finding("Training images, cross-validated. ", shortcut_train))
    if audits is not None:
        found += _audit_findings(*audits, list(done))
    found += [_source_finding(before, after), *_column_findings(after)]
    found.append(
        (
            "",
            f"Balancing by the policy “{balancing.policy}” drew {balancing.drawn:,} of {balancing.pool:,} "
            "images of the pool: "
            f"{balancing.real_before:,} real training images became {balancing.real_after:,}, beside "
            f"{balancing.fake:,} fakes.",
        )
    )
    found += [("", text) for text in balancing.notes]
    if leaks is not None:
        kind = "bad" if len(leaks) else "good"
        text = (
            f"{len(leaks):,} leaks between the splits were found."
            if len(leaks)
            else "Nothing stands on two sides of the split."
        )
        found.append((kind, text))
    if len(skipped):
        reasons = skipped["reason"].astype(str).str.replace(r" as .*", "", regex=True).value_counts()
        listed = "; ".join(f"{count:,} × {reason}" for reason, count in reasons.head(4).items())
        found.append(
            (
                "bad" if len(skipped) > 0.05 * before.rates["n"].iloc[0] else "",
                f"{len(skipped):,} file{'s were' if len(skipped) > 1 else ' was'} left aside: {listed}.",
            )
        )
    return "".join(f'<div class="finding {kind}">{escape(text)}</div>' for kind, text in found)


def _shortcut_finding(where: str, shortcut: Shortcut) -> tuple[str, str]:
    text = where + shortcut.sentence()
    if shortcut.reason:
        return "", text
    if shortcut.low > SHORTCUT_LIMIT:
        return "bad", text + " A network that scores no better has shown nothing about faces."
    return ("good" if shortcut.high <= SHORTCUT_LIMIT else ""), text


def _audit_findings(pictures: Audit, crops: Audit, done: list[str]) -> Iterable[tuple[str, str]]:
    yield "", "The audit predicts the label from everything but the face (examples in audit_report.html):"
    yield from _told("The pictures as they were delivered. ", pictures)
    yield from (("", text) for text in done)
    yield from _told("The crops that the network will see" + (", after the remedies. " if done else ". "), crops)
    control = crops.best_control
    if not control.outcome.reason:
        yield (
            "",
            f"A network on these crops has shown something only above an AUC of {control.outcome.auc:.2f}: that is "
            f"what “{control.name}” scores.",
        )


def _told(where: str, audit: Audit) -> Iterable[tuple[str, str]]:
    yield from ((audit.verdict, where + sentence) for sentence in audit.sentences())


def _source_finding(before: BiasReport, after: BiasReport) -> tuple[str, str]:
    v = after.cramers_v("source")
    if v != v:
        return "", "The sources of the images are unknown."
    change = (
        f"Cramér's V between source and label is {v:.2f} (before balancing {number(before.cramers_v('source'), '.2f')})"
    )
    if v >= 0.999:
        return (
            "bad",
            f"{change}: no source has both real and fake images, so that a model may learn sources instead of fakes.",
        )
    if v >= 0.3:
        return "bad", f"{change}: where an image comes from says much about its label."
    return "good" if v < 0.1 else "", f"{change}: 0 says nothing about the label, 1 tells it."


def _column_findings(after: BiasReport) -> Iterable[tuple[str, str]]:
    for row in after.associations.itertuples():
        if row.column in ("source", "generator") or " × " in row.column:
            continue
        name = row.column.replace("_", " ")
        if abs(row.known_real - row.known_fake) > 0.2:
            yield (
                "bad",
                f"{name.capitalize()} is known for {row.known_real:.0%} of the real and {row.known_fake:.0%} "
                "of the fake "
                "images: whether it "
                "is known already tells something about the label, and groups cannot be compared fairly.",
            )
        if row.verdict in ("medium", "large"):
            yield (
                "bad",
                f"Groups of {name} differ in their share of fakes (Cramér's V {row.cramers_v:.2f}, a "
                f"{row.verdict} effect).",
            )


def number(value: float, form: str) -> str:
    """A number in a format; a dash for NaN."""
    return "–" if value != value else format(value, form)
