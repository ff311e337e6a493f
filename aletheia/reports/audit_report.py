"""The audit for people: one figure, examples, a page that works offline."""

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

_EXAMPLES = 8  # pictures at either end of a measure


def audit_figure(audit: Audit, after: Audit | None = None) -> go.Figure:
    """AUC of each family with its interval; one half tells nothing.

    ``after`` is another audit of what became of the same faces: drawn as diamonds, joined to what was before.
    """
    families = [family for family in audit.families if not family.outcome.reason][::-1]
    figure = go.Figure()
    if after is not None:
        for family in families:
            ends = [family.outcome.auc, after[family.key].auc]
            line = {"color": NEUTRAL, "width": 1}
            figure.add_scatter(x=ends, y=2 * [_plain(family.name)], mode="lines", line=line, showlegend=False)
    for name, colour, wanted in (
        ("measures", REAL, lambda f: not f.control and f.key != ALL),
        ("controls, which see next to nothing of a face", SECOND, lambda f: f.control),
        ("all measures together", FAKE, lambda f: f.key == ALL),
    ):
        chosen = [family for family in families if wanted(family)]
        places = [_plain(family.name) for family in chosen]
        for outcomes, symbol in (
            ([family.outcome for family in chosen], "circle"),
            ([after[family.key] for family in chosen] if after else [], "diamond-open"),
        ):
            auc, low, high = (np.array([getattr(o, key) for o in outcomes]) for key in ("auc", "low", "high"))
            figure.add_scatter(
                x=auc,
                y=places[: len(outcomes)],
                error_x={"type": "data", "symmetric": False, "array": high - auc, "arrayminus": auc - low},
                mode="markers",
                marker={"color": colour, "size": 11, "symbol": symbol},
                name=name,
                showlegend=symbol == "circle",
                hovertemplate="%{y}<br>AUC %{x:.3f}<extra></extra>",
            )
    for name, symbol in (("as delivered", "circle"), ("in the crops for the network", "diamond-open")) if after else ():
        marker = {"color": NEUTRAL, "size": 11, "symbol": symbol}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=name)
    styled(figure, "How well the label is told without looking at the face", "AUC", height=150 + 36 * len(families))
    figure.add_vline(x=0.5, line={"color": NEUTRAL, "dash": "dot"})
    figure.update_xaxes(range=[0.4, 1.02])
    figure.update_yaxes(categoryorder="array", categoryarray=[_plain(family.name) for family in families])
    figure.update_layout(legend={"orientation": "h", "y": -0.2})
    return note(figure, "Intervals over people, videos and near duplicates; together they hold with 95 %.")


def audit_report(
    audit: Audit,
    faces: pd.DataFrame,
    measures: pd.DataFrame,
    after: Audit | None = None,
    done: Sequence[str] = (),
    *,
    title: str = "Shortcut audit",
) -> str:
    """The page: what gives the label away, the figure, examples of each leading measure, all numbers.

    Parameters
    ----------
    audit : Audit
    faces, measures : DataFrame
        What was audited, see :func:`aletheia.audit.audit.audit_faces`.
    after : Audit, optional
        Of the crops that the network will see, after remedies.
    done : sequence of str
        What the remedies did, in sentences.

    Returns
    -------
    str
        HTML that fetches nothing. Names that come from the data are escaped.
    """
    sentences = audit.sentences()
    told = any(family.tells for family in audit.families)
    if told:
        control = audit.best_control
        sentences.append(
            f"A network on these pictures has shown something only above {control.outcome.auc:.2f}, "
            f"what “{control.name}” scores."
        )
    drawn = f", drawn from {audit.total:,}" if audit.total > audit.rows else ""
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{audit.rows:,} faces{drawn}, {audit.fakes:,} of them fake. Each family of measures sees everything but "
        "the face (the controls, next to nothing of it) and predicts the label, cross-validated, so that no person, "
        "video or near duplicate is on both sides. What it can do, a network can do, too, without knowing anything of "
        "faces.</p>",
        f'<div class="verdict {audit.verdict}"><ul>'
        + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
        + "</ul></div>",
        _afterwards(after, done),
        plot(audit_figure(audit, after)),
    ]
    examples = [_examples(family, faces, measures) for family in audit.families if family.tells and family.key != ALL]
    if any(examples):
        legend = "Pictures at both ends of each family's leading measure; genuine ones framed blue, fakes orange."
        body += ["<h2>What it looks like</h2>", f"<p>{legend}</p>", *examples]
    body += ["<h2>All numbers</h2>", _table(audit, after)]
    return html_page(title, body)


def _examples(family: Family, faces: pd.DataFrame, measures: pd.DataFrame) -> str:
    """Pictures at both ends of the family's leading measure, real ones framed in blue, fake ones in orange."""
    if family.outcome.features.empty:
        return ""
    leading = family.outcome.features.iloc[0]
    column = measures.get(leading.feature, faces.get(leading.feature))
    if column is None or column.dtype.kind not in "fiub" or column.notna().sum() < 2 * _EXAMPLES:
        return ""
    order = column[column.notna()].sort_values(kind="stable").index
    rows = []
    for name, chosen in (("lowest", order[:_EXAMPLES]), ("highest", order[-_EXAMPLES:])):
        part = faces.loc[chosen]
        frames = [FAKE if label == "fake" else REAL for label in part["label"]]
        sheet = base64.b64encode(png(thumbnails(part["original"].tolist(), frames))).decode()
        values = f"{column[chosen].min():.3g} to {column[chosen].max():.3g}"
        rows.append(f'<p>{name}, {values}</p><img alt="" src="data:image/png;base64,{sheet}">')
    return f"<h3>{escape(family.name)}: {escape(str(leading['name']))}</h3>" + "".join(rows)


def _afterwards(after: Audit | None, done: Sequence[str]) -> str:
    if after is None:
        return ""
    listed = "".join(f"<li>{escape(text)}</li>" for text in (*done, *after.sentences()))
    head = "After the remedies, in the crops" if done else "In the crops"
    return f'<h2>{head} that the network will see</h2><div class="verdict {after.verdict}"><ul>{listed}</ul></div>'


def _table(audit: Audit, after: Audit | None) -> str:
    head = ("family", "AUC (interval)", *(["in the crops"] if after else []), "leading measures")
    rows = []
    for family in audit.families:
        beside = [escape(after.family(family.key).auc_text)] if after else []
        name = f"<b>{escape(family.name)}</b>" if family.tells else escape(family.name)
        rows.append((name, escape(family.auc_text), *beside, escape(", ".join(family.outcome.leading))))
    return table(head, rows)


def _plain(text: str) -> str:
    return escape(text, quote=False)
