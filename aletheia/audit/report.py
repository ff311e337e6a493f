"""The audit for people: one figure, examples, a page that works offline."""

from __future__ import annotations

import base64
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from aletheia.audit.audit import ALL, Audit, Family
from aletheia.data.contact import png, thumbnails
from aletheia.evaluation.theme import FAKE, NEUTRAL, REAL, SECOND, note, styled

_EXAMPLES = 8  # pictures at either end of a measure
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1f1f1f; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem; }
tr + tr { border-top: 1px solid #ddd; } .told { font-weight: 600; } img { max-width: 100%; }
.verdict { border-left: .4rem solid; padding: .2rem 1rem; }
.bad { border-color: #D55E00; } .good { border-color: #009E73; }
"""


def audit_figure(audit: Audit) -> go.Figure:
    """AUC of each family with its interval; one half tells nothing."""
    families = [family for family in audit.families if not family.outcome.reason][::-1]
    figure = go.Figure()
    for name, colour, wanted in (
        ("measures", REAL, lambda f: not f.control and f.key != ALL),
        ("controls, which see next to nothing of a face", SECOND, lambda f: f.control),
        ("all measures together", FAKE, lambda f: f.key == ALL),
    ):
        chosen = [family for family in families if wanted(family)]
        auc = np.array([family.outcome.auc for family in chosen])
        high = np.array([family.outcome.high for family in chosen])
        low = np.array([family.outcome.low for family in chosen])
        figure.add_scatter(
            x=auc,
            y=[_plain(family.name) for family in chosen],
            error_x={"type": "data", "symmetric": False, "array": high - auc, "arrayminus": auc - low},
            mode="markers",
            marker={"color": colour, "size": 11},
            name=name,
            hovertemplate="%{y}<br>AUC %{x:.3f}<extra></extra>",
        )
    styled(figure, "How well the label is told without looking at the face", "AUC", height=150 + 36 * len(families))
    figure.add_vline(x=0.5, line={"color": NEUTRAL, "dash": "dot"})
    figure.update_xaxes(range=[0.4, 1.02])
    figure.update_yaxes(categoryorder="array", categoryarray=[_plain(family.name) for family in families])
    figure.update_layout(legend={"orientation": "h", "y": -0.2})
    return note(
        figure, "Intervals over people, videos and near duplicates that hold for all families at once with 95 %."
    )


def audit_report(audit: Audit, faces: pd.DataFrame, measures: pd.DataFrame, *, title: str = "Shortcut audit") -> str:
    """The page: what gives the label away, the figure, examples of each leading measure, all numbers.

    Parameters
    ----------
    audit : Audit
    faces, measures : DataFrame
        What was audited, see :func:`aletheia.audit.audit.audit_faces`.

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
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{audit.rows:,} faces, {audit.fakes:,} of them fake. Each family of measures sees everything but the face "
        "(the controls, next to nothing of it) and predicts the label, cross-validated, so that no person, video or "
        "near duplicate is on both sides. What it can do, a network can do, too, without knowing anything of "
        "faces.</p>",
        f'<div class="verdict {"bad" if told else "good"}"><ul>'
        + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
        + "</ul></div>",
        audit_figure(audit).to_html(full_html=False, include_plotlyjs=False, default_width="100%"),
    ]
    examples = [_examples(family, faces, measures) for family in audit.families if family.tells and family.key != ALL]
    if any(examples):
        legend = "Pictures at both ends of each family's leading measure; genuine ones framed blue, fakes orange."
        body += ["<h2>What it looks like</h2>", f"<p>{legend}</p>", *examples]
    body += ["<h2>All numbers</h2>", _table(audit)]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<title>{escape(title)}</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style><script>{get_plotlyjs()}</script></head><body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


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


def _table(audit: Audit) -> str:
    lines = ["<table><tr><th>family</th><th>AUC</th><th>interval</th><th>leading measures</th></tr>"]
    for family in audit.families:
        outcome = family.outcome
        numbers = (
            f"<td colspan=3>{escape(outcome.reason)}</td>"
            if outcome.reason
            else f"<td>{outcome.auc:.3f}</td><td>{outcome.low:.3f} to {outcome.high:.3f}</td>"
            f"<td>{escape(', '.join(outcome.leading))}</td>"
        )
        lines.append(f'<tr class="{"told" if family.tells else ""}"><td>{escape(family.name)}</td>{numbers}</tr>')
    return "\n".join(lines) + "</table>"


def _plain(text: str) -> str:
    return escape(text, quote=False)
