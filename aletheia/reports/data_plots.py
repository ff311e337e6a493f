"""Figures of the data: composition, shares of fakes, association of columns and file properties with the label."""

from __future__ import annotations

import math
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from aletheia.core.arrays import Array
from aletheia.datasets.bias import TOO_FEW, BiasReport
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.schema import DEMOGRAPHICS, PARTS
from aletheia.plotting.theme import COLOURS, NEUTRAL, REAL, SECOND, empty, label_rows, note, short, styled
from aletheia.reports.file_properties import file_properties_figure
from aletheia.stats.categorical import cross_table, encode
from aletheia.stats.estimate import Estimate
from aletheia.stats.tabular import Shortcut

MAX_GROUPS = 8
_BAR = 26


def preparation_figures(
    before: pd.DataFrame, after: pd.DataFrame, bias_before: BiasReport, bias_after: BiasReport
) -> dict[str, go.Figure]:
    """Draw all figures of prepare-data, by the key under which they are logged.

    Parameters
    ----------
    before, after
        Manifests before and after balancing.
    bias_before, bias_after
        Their bias analyses.

    Returns
    -------
    dict of str to plotly.graph_objects.Figure
        ``data_vis`` (composition), ``bias`` (share of fakes by group), ``association`` (Cramér's V) and
        ``delivery`` (file properties by label, after balancing).
    """
    return {
        "data_vis": composition_figure(before, after),
        "bias": bias_figure(bias_before, bias_after),
        "association": association_figure(bias_before, bias_after),
        "delivery": file_properties_figure(after),
    }


def composition_figure(before: pd.DataFrame, after: pd.DataFrame) -> go.Figure:
    """Draw the number of images by split, source, generator and group of people, before and after balancing."""
    title = "Composition of the data"
    rows: list[tuple[str, Array, Array]] = []
    for name in ("label", "split", "source", "generator", *DEMOGRAPHICS):
        rows += _counts(name, before, after)
    if not rows:
        return empty(title, "The manifest is empty.")
    labels = [row[0] for row in rows][::-1]
    figure = make_subplots(
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        subplot_titles=("before balancing", "after balancing"),
    )
    for column in (1, 2):
        counts = np.array([row[column] for row in rows])[::-1]
        for i, label in enumerate(("real", "fake")):
            figure.add_bar(
                x=counts[:, i],
                y=list(range(len(labels))),
                name=label,
                orientation="h",
                marker_color=COLOURS[label],
                showlegend=column == 1,
                legendgroup=label,
                hovertemplate="%{customdata}<br>" + label + ": %{x:,} images<extra></extra>",
                customdata=labels,
                row=1,
                col=column,
            )
    styled(figure, title, height=170 + _BAR * len(rows))
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title="images", matches="x", rangemode="tozero")
    label_rows(figure, labels)
    return figure


def _counts(name: str, before: pd.DataFrame, after: pd.DataFrame) -> list[tuple[str, Array, Array]]:
    """Return name of the bar, and (real, fake) before and after, for the largest groups of a column."""
    tables: list[dict[str, Array]] = []
    for df in (before, after):
        if name not in df.columns or not len(df):
            tables.append({})
            continue
        codes, values = encode(df[name])
        table = cross_table(codes, fake_flags(df).astype(np.int64), (len(values), 2))
        tables.append(dict(zip(values, table, strict=True)))
    nothing = np.zeros(2, dtype=np.int64)
    groups = set(tables[0]) | set(tables[1])
    both = {group: (tables[0].get(group, nothing), tables[1].get(group, nothing)) for group in groups}
    order = sorted(groups, key=lambda group: (-both[group][1].sum(), str(group)))
    if name == "split":
        order = [split for split in PARTS if split in groups]
    shown, rest = order[:MAX_GROUPS], order[MAX_GROUPS:]
    title = name.replace("_", " ")
    rows = [(f"{title}: {short(group)}", *both[group]) for group in shown]
    if rest:
        totals = [sum((both[group][i] for group in rest), nothing) for i in (0, 1)]
        rows.append((f"{title}: {len(rest)} others", totals[0], totals[1]))
    return rows


def bias_figure(before: BiasReport, after: BiasReport) -> go.Figure:
    """Draw the share of fakes of every group with its interval, before and after balancing."""
    chosen = _select_groups(before, after)
    if not chosen:
        return empty("Share of fakes by group", "The manifest has no source, generator or demographic column.")
    labels = [f"{column.replace('_', ' ')}: {short(group, 28)}" for column, group in chosen][::-1]
    figure = go.Figure()
    for report, name, colour, shift in (
        (before, "before", NEUTRAL, 0.14),
        (after, "after", SECOND, -0.14),
    ):
        rates = report.rates.set_index(["column", "group"])
        picked = rates.reindex(pd.MultiIndex.from_tuples(chosen[::-1], names=["column", "group"]))
        few = (picked["verdict"] == TOO_FEW).to_numpy()
        x = 100 * picked["fake_rate"].to_numpy()
        figure.add_scatter(
            x=x,
            y=np.arange(len(labels)) + shift,
            mode="markers",
            name=f"{name} balancing",
            marker={
                "color": colour,
                "size": 10,
                "symbol": np.where(few, "circle-open", "circle").tolist(),
                "line": {"color": colour, "width": 2},
            },
            error_x={
                "array": 100 * picked["high"].to_numpy() - x,
                "arrayminus": x - 100 * picked["low"].to_numpy(),
                "color": colour,
                "thickness": 1.5,
            },
            customdata=np.stack([labels, picked["n"].to_numpy(), picked["verdict"].to_numpy()], axis=1),
            hovertemplate="%{customdata[0]}: %{x:.1f} % fake<br>"
            "%{customdata[1]} images, %{customdata[2]}<extra></extra>",
        )
    styled(figure, "Share of fakes by group", "fakes (% of the group's images)", height=190 + 34 * len(labels))
    overall = 100 * after.rates["fake_rate"].iloc[0]
    figure.add_vline(x=overall, line={"dash": "dot", "color": NEUTRAL})
    label_rows(figure, labels)
    figure.update_xaxes(range=[-2, 102])
    few_text = f"hollow: fewer than {after.min_n} images, too few to say"
    return note(
        figure,
        f"bars: 95 % intervals; dotted: all images after balancing ({overall:.0f} %); {few_text}",
    )


def _select_groups(before: BiasReport, after: BiasReport, limit: int = 12) -> list[tuple[str, str]]:
    """Choose the largest groups of each column, then the intersections that differ most."""
    rates = after.rates if len(after.rates) >= len(before.rates) else before.rates
    overall = rates["fake_rate"].iloc[0]
    chosen = []
    rest = rates[~rates["column"].isin(["label", "generator"])]
    single = rest[~rest["column"].str.contains(" × ")]
    for column, part in single.groupby("column", sort=False):
        chosen += [(column, group) for group in part.nlargest(MAX_GROUPS, "n")["group"]]
    crossed = rest[rest["column"].str.contains(" × ") & (rest["verdict"] != TOO_FEW)]
    far = (crossed["fake_rate"] - overall).abs().sort_values(ascending=False, kind="stable").index[:limit]
    return chosen + [(crossed.loc[i, "column"], crossed.loc[i, "group"]) for i in far]


def association_figure(before: BiasReport, after: BiasReport) -> go.Figure:
    """Draw Cramér's V between each column and the label, before and after balancing."""
    associations = [report.associations.set_index("column").dropna(subset="cramers_v") for report in (before, after)]
    tables = [table["cramers_v"] for table in associations]
    few = [set(table.index[table["verdict"] == TOO_FEW]) for table in associations]
    names = list(dict.fromkeys([*tables[0].index, *tables[1].index]))[::-1]
    title = "Association of columns with the label"
    if not names:
        return empty(title, "No column is known for both real and fake images.")
    figure = go.Figure()
    for table, small, name, colour in zip(tables, few, ("before", "after"), (NEUTRAL, SECOND), strict=True):
        values = table.reindex(names)
        texts = [f"{v:.2f}" + (f" ({TOO_FEW})" if n in small else "") for n, v in values.items()]
        figure.add_bar(
            x=values,
            y=[n.replace("_", " ") for n in names],
            orientation="h",
            name=f"{name} balancing",
            marker_color=colour,
            marker_opacity=[0.35 if n in small else 1.0 for n in names],
            text=["" if math.isnan(v) else text for text, v in zip(texts, values, strict=True)],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: V = %{x:.3f}<extra></extra>",
        )
    styled(
        figure,
        title,
        "Cramér's V with the label (0: independent, 1: determines it)",
        height=200 + 44 * len(names),
    )
    for value, name in ((0.1, "small"), (0.3, "medium"), (0.5, "large")):
        figure.add_vline(x=value, line={"dash": "dot", "color": NEUTRAL, "width": 1})
        figure.add_annotation(x=value, y=1.0, yref="paper", yanchor="bottom", text=name, showarrow=False, font_size=12)
    figure.update_xaxes(range=[0, 1.45], tickvals=[0, 0.2, 0.4, 0.6, 0.8, 1])
    figure.update_layout(legend_traceorder="reversed", bargap=0.3)
    return figure


def shortcut_figure(shortcut: Shortcut) -> go.Figure:
    """Draw how well each file property alone predicts the label, and how much it adds to the others."""
    title = "Shortcut: the label predicted from file properties"
    if shortcut.reason:
        return empty(title, f"Not computed: {escape(shortcut.reason)}")
    features = shortcut.features.sort_values(["alone", "importance"], kind="stable")
    figure = make_subplots(
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.06,
        subplot_titles=("this property alone", "added to the others"),
    )
    for column, (name, colour) in enumerate((("alone", REAL), ("importance", SECOND)), start=1):
        values = features[name].clip(lower=0)
        figure.add_bar(
            x=values,
            y=list(range(len(features))),
            customdata=[short(name, 30) for name in features["name"]],
            orientation="h",
            marker_color=colour,
            showlegend=False,
            text=[f"{value:.2f}" for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{customdata}: %{x:.3f}<extra></extra>",
            row=1,
            col=column,
        )
    styled(figure, title, height=200 + _BAR * len(features))
    figure.update_xaxes(title_text="AUC (0.5: chance)", range=[0, 1.1], row=1, col=1)
    label_rows(figure, [short(name, 30) for name in features["name"]])
    most = max(0.05, 1.2 * float(features["importance"].max()))
    figure.update_xaxes(title_text="AUC lost if shuffled", range=[0, most], row=1, col=2)
    rows = "cross-validated" if shortcut.cross_validated else "on the test images"
    auc = Estimate(shortcut.auc, shortcut.low, shortcut.high)
    return note(figure, f"all file properties together, {rows}: AUC {auc}")
