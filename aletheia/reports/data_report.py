"""The page of prepare-data: one HTML file that works offline, findings in sentences first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

import pandas as pd
import plotly.graph_objects as go

from aletheia.audit.audit import Audit
from aletheia.core.wording import counted, p_text
from aletheia.datasets.balance import BalanceReport
from aletheia.datasets.bias import TOO_FEW, BiasReport
from aletheia.datasets.grouping import Known
from aletheia.plotting.html import html_page, plot
from aletheia.reports.data_findings import render_findings
from aletheia.reports.data_plots import shortcut_figure
from aletheia.reports.formatting import escaped_table, number
from aletheia.stats.estimate import Estimate
from aletheia.stats.tabular import Shortcut

_MAX_ROWS = 200


def render_data_report(
    figures: Mapping[str, go.Figure],
    before: BiasReport,
    after: BiasReport,
    balancing: BalanceReport,
    shortcut: Shortcut,
    shortcut_train: Shortcut | None = None,
    skipped: pd.DataFrame | None = None,
    leaks: pd.DataFrame | None = None,
    policies: pd.DataFrame | None = None,
    audits: tuple[Audit, Audit] | None = None,
    remedy_messages: Iterable[str] = (),
    *,
    known: Known | None = None,
    notes: Iterable[str] = (),
    title: str = "Data report",
) -> str:
    """Write the page.

    Parameters
    ----------
    figures
        Of :func:`aletheia.reports.data_plots.preparation_figures`, in the order in which they are shown.
    before, after
        Bias analyses before and after balancing.
    balancing
        Numbers of rows before and after balancing.
    shortcut
        Prediction of the label from file properties alone, on the test rows.
    shortcut_train
        The same, cross-validated within the training rows.
    skipped
        ``path`` and ``reason`` of files that were left out.
    leaks
        Of :func:`aletheia.datasets.split.check_leakage`; None when it was not run.
    policies
        Of :func:`aletheia.audit.balance_policies.compare_policies`.
    audits
        Of the pictures as delivered, and of the crops that the network will see.
    remedy_messages
        What the remedies between the two changed, in sentences.
    known
        Of :func:`aletheia.datasets.grouping.count_known`: what can be told about leaks at all.
    notes
        What became of the data set's own split, in sentences.
    title
        Heading of the page.

    Returns
    -------
    str
        HTML with plotly's code inside, once; nothing is fetched from anywhere. Names that come from the data
        are escaped.
    """
    skipped = pd.DataFrame(columns=["path", "reason"]) if skipped is None else skipped
    plots = [*figures.values(), shortcut_figure(shortcut)]
    body = [
        f"<h1>{escape(title)}</h1>",
        render_findings(
            before, after, balancing, shortcut, shortcut_train, skipped, leaks, audits, remedy_messages, known, notes
        ),
        "<h2>Figures</h2>",
        *map(plot, plots),
        "<h2>Association of each column with the label</h2>",
        _associations(before, after),
        "<h2>Share of fakes by group, after balancing</h2>",
        _rates(after),
        _policies(policies, balancing.policy),
        _leaks(leaks),
        _skipped(skipped),
    ]
    return html_page(title, body)


def _associations(before: BiasReport, after: BiasReport) -> str:
    if not len(after.associations):
        return "<p>The manifest has no source, generator or demographic column.</p>"
    rows = [
        (
            row.column.replace("_", " "),
            f"{row.n:,}",
            number(before.cramers_v(row.column), ".3f"),
            number(row.cramers_v, ".3f"),
            number(row.cramers_v_corrected, ".3f"),
            number(row.chi2, ".1f"),
            number(row.design, ".1f"),
            p_text(row.p_adjusted),
            f"{number(row.known_real, '.0%')} / {number(row.known_fake, '.0%')}",
            row.verdict,
        )
        for row in after.associations.itertuples()
    ]
    head = (
        "column",
        "images",
        "V before",
        "V after",
        "V corrected",
        "chi²",
        "design effect",
        "p",
        "known: real / fake",
        "verdict",
    )
    legend = (
        "V: Cramér's V with the label, 0 to 1; corrected for what chance adds, after Bergsma (2013). p: chi-squared "
        "test with the correction of Rao and Scott (1984) for images that share a person, video or original, adjusted "
        "for the number of columns (Holm 1979); from 0.05 on the association is within chance. Design effect: how many "
        "times larger chi² is by chance than it would be if every image were of another person."
    )
    return escaped_table(head, rows) + f'<p class="quiet">{legend}</p>'


def _rates(report: BiasReport) -> str:
    rates = report.rates
    judged = rates[rates["verdict"] != TOO_FEW]
    rows = [
        (
            row.column.replace("_", " "),
            row.group,
            f"{row.n:,}",
            f"{row.fake_rate:.1%}",
            f"{row.low:.1%} to {row.high:.1%}",
            row.verdict,
        )
        for row in judged.head(_MAX_ROWS).itertuples()
    ]
    few = len(rates) - len(judged)
    hidden = (
        f'<p class="quiet">Not listed, since of fewer than {report.min_n} images: {counted(few, "group")}.</p>'
        if few
        else ""
    )
    head = ("column", "group", "images", "fake", "95 % interval", "verdict")
    return escaped_table(head, rows, max(0, len(judged) - _MAX_ROWS)) + hidden


def _policies(policies: pd.DataFrame | None, chosen: str) -> str:
    if policies is None or not len(policies):
        return ""
    rows = [
        (
            f"{row.policy} (chosen)" if row.policy == chosen else row.policy,
            f"{row.real:,}",
            f"{row.fake:,}",
            f"{row.fake_share:.0%}",
            number(row.cramers_v, ".3f"),
            Estimate(row.auc, row.low, row.high).text(undefined=row.reason),
        )
        for row in policies.itertuples()
    ]
    head = ("policy", "real", "fake", "share of fakes", "V of source and label", "shortcut AUC")
    legend = "The training part under each balance policy; the shortcut AUC is cross-validated within it."
    return "<h2>Balance policies</h2>" + escaped_table(head, rows) + f'<p class="quiet">{legend}</p>'


def _leaks(leaks: pd.DataFrame | None) -> str:
    if leaks is None or not len(leaks):
        return ""
    shown = leaks.head(_MAX_ROWS)
    columns = ["kind", "value", "splits", "rows", "example"]
    rows = shown[columns].itertuples(index=False)
    return "<h2>Leaks</h2>" + escaped_table(columns, rows, len(leaks) - len(shown))


def _skipped(skipped: pd.DataFrame) -> str:
    if not len(skipped):
        return ""
    shown = skipped.head(_MAX_ROWS)
    rows = shown[["path", "reason"]].itertuples(index=False)
    return "<h2>Files left out</h2>" + escaped_table(("file", "reason"), rows, len(skipped) - len(shown))
