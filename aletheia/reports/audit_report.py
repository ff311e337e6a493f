"""The page of a shortcut audit: one figure, examples and all numbers in an HTML file that works offline."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from aletheia.audit.audit import ALL, Audit, Family
from aletheia.plotting.contact_sheet import png, thumbnails
from aletheia.plotting.html import html_page, plot, table
from aletheia.plotting.theme import FAKE, NEUTRAL, REAL, SECOND, note, styled
from aletheia.stats.tabular import Shortcut

_EXAMPLES = 8  # pictures at either end of a measure
_SIZE = 11  # of a marker, pixels
_SYMBOLS = {"as delivered": "circle", "in the crops for the network": "diamond-open"}


def audit_figure(audit: Audit, after: Audit | None = None) -> go.Figure:
    """Draw the AUC of each family of measures with its interval; a half is chance.

    Parameters
    ----------
    audit : Audit
    after : Audit, optional
        Of the crops of the same faces: drawn as diamonds above the AUC before.
    """
    families = [family for family in audit.families if not family.outcome.reason][::-1]
    figure = go.Figure()
    for name, colour, chosen in (
        ("measures", REAL, [f for f in families if not f.control and f.key != ALL]),
        ("controls, which see next to nothing of a face", SECOND, [f for f in families if f.control]),
        ("all measures together", FAKE, [f for f in families if f.key == ALL]),
    ):
        outcomes = [family.outcome for family in chosen]
        _add_points(figure, chosen, outcomes, name=name, marker={"color": colour, "symbol": "circle"})
        if after is not None:
            outcomes = [after[family.key] for family in chosen]
            _add_points(figure, chosen, outcomes, name=name, marker={"color": colour, "symbol": "diamond-open"})
    for name, symbol in _SYMBOLS.items() if after is not None else ():
        marker = {"color": NEUTRAL, "size": _SIZE, "symbol": symbol}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=name)
    styled(figure, "How well the label is predicted without the face", "AUC", height=220 + 36 * len(families))
    if after is not None:
        figure.update_layout(scattermode="group", scattergap=0.4)  # one line each, or the intervals hide each other
    figure.add_vline(x=0.5, line={"color": NEUTRAL, "dash": "dot"})
    lows = [shown[family.key].low for shown in (audit, after or audit) for family in families]
    figure.update_xaxes(range=[np.nanmin([0.42, *lows]) - 0.02, 1.02])
    figure.update_yaxes(categoryorder="array", categoryarray=[_label(family) for family in families])
    return note(figure, "Intervals over people, videos and near duplicates; together they hold with 95 %.")


def _add_points(
    figure: go.Figure, families: Sequence[Family], outcomes: Sequence[Shortcut], *, name: str, marker: dict[str, str]
) -> None:
    auc, low, high = (np.array([getattr(outcome, key) for outcome in outcomes]) for key in ("auc", "low", "high"))
    figure.add_scatter(
        x=auc,
        y=[_label(family) for family in families],
        error_x={"type": "data", "symmetric": False, "array": high - auc, "arrayminus": auc - low},
        mode="markers",
        orientation="h",
        offsetgroup=marker["symbol"],
        marker={**marker, "size": _SIZE},
        name=name,
        showlegend=marker["symbol"] == "circle",
        hovertemplate="%{y}<br>AUC %{x:.3f}<extra></extra>",
    )


def render_audit_report(
    audit: Audit,
    faces: pd.DataFrame,
    measures: pd.DataFrame,
    after: Audit | None = None,
    remedy_messages: Sequence[str] = (),
    *,
    title: str = "Shortcut audit",
) -> str:
    """Write the page: findings in sentences, the figure, examples of each leading measure, all numbers.

    Parameters
    ----------
    audit : Audit
    faces, measures : DataFrame
        Faces that were audited and their measures, see :func:`aletheia.audit.audit.audit_faces`.
    after : Audit, optional
        Of the crops that the network will see, after remedies.
    remedy_messages : sequence of str
        What the remedies changed, in sentences.

    Returns
    -------
    str
        HTML that fetches nothing. Names that come from the data are escaped.
    """
    sentences = audit.sentences()
    if any(family.tells for family in audit.families):
        control = audit.best_control
        sentences.append(
            f"A network on these pictures has shown something only above an AUC of {control.outcome.auc:.2f}: that is "
            f"the AUC of “{control.name}”."
        )
    drawn = f", drawn from {audit.total:,}" if audit.total > audit.rows else ""
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{audit.rows:,} faces{drawn}, {audit.fakes:,} of them fake. Each family of measures sees everything but "
        "the face (the controls, next to nothing of it) and predicts the label, cross-validated, so that no person, "
        "video or near duplicate is on both sides. A network can use the same cues, without knowing anything of "
        "faces.</p>",
        _verdict(audit, sentences),
        _after(after, remedy_messages),
        plot(audit_figure(audit, after)),
    ]
    examples = [_examples(family, faces, measures) for family in audit.families if family.tells and family.key != ALL]
    if any(examples):
        legend = "Pictures at both ends of each family's leading measure; genuine ones framed blue, fakes orange."
        body += ["<h2>Examples</h2>", f"<p>{legend}</p>", *examples]
    body += ["<h2>All numbers</h2>", _table(audit, after)]
    return html_page(title, body)


def _examples(family: Family, faces: pd.DataFrame, measures: pd.DataFrame) -> str:
    """Show pictures at both ends of the family's leading measure, real ones framed in blue, fake ones in orange."""
    if family.outcome.features.empty:
        return ""
    leading = family.outcome.features.iloc[0]
    column = measures.get(leading.feature, faces.get(leading.feature))
    if column is None or column.dtype.kind not in "fiub" or column.notna().sum() < 2 * _EXAMPLES:
        return ""
    order = column[column.notna()].sort_values(kind="stable").index
    rows = []
    for end, chosen in (("lowest", order[:_EXAMPLES]), ("highest", order[-_EXAMPLES:])):
        part = faces.loc[chosen]
        frames = [FAKE if label == "fake" else REAL for label in part["label"]]
        sheet = base64.b64encode(png(thumbnails(part["original"].tolist(), frames))).decode()
        values = f"{column[chosen].min():.3g} to {column[chosen].max():.3g}"
        rows.append(f'<p>{end}, {values}</p><img alt="" src="data:image/png;base64,{sheet}">')
    return f"<h3>{escape(family.name)}: {escape(str(leading['name']))}</h3>" + "".join(rows)


def _after(after: Audit | None, remedy_messages: Sequence[str]) -> str:
    if after is None:
        return ""
    heading = "After the remedies, in the crops" if remedy_messages else "In the crops"
    return f"<h2>{heading} that the network will see</h2>" + _verdict(after, [*remedy_messages, *after.sentences()])


def _verdict(audit: Audit, sentences: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<div class="verdict {audit.verdict}"><ul>{items}</ul></div>'


def _table(audit: Audit, after: Audit | None) -> str:
    head = ("family", "AUC (interval)", *(["in the crops"] if after else []), "leading measures")
    rows = []
    for family in audit.families:
        beside = [escape(after.family(family.key).auc_text)] if after else []
        name = f"<b>{escape(family.name)}</b>" if family.tells else escape(family.name)
        rows.append((name, escape(family.auc_text), *beside, escape(", ".join(family.outcome.leading))))
    return table(head, rows)


def _label(family: Family) -> str:
    """Name a family on an axis: plotly would read < and & as markup."""
    return escape(family.name, quote=False)
