"""The heat map of a grid as a browser draws it: cells, numbers, star and labels coincide."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from aletheia.evaluation.cross_matrix import heat_map
from aletheia.plotting.html import html_page, plot
from aletheia.training.search_plots import grid_figures

from ..rendering import measure

#: Of each plot: boxes, in pixels, of the picture of all cells and of the plot, middles of texts and of axes' labels.
BOXES = """[...document.querySelectorAll('.js-plotly-plot')].map(plot => {
    const box = node => { const b = node.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; };
    const middle = node => { const [x, y, w, h] = box(node); return [x + w / 2, y + h / 2]; };
    const all = (selector) => [...plot.querySelectorAll(selector)].map(n => [n.textContent, ...middle(n)]);
    return {picture: box(plot.querySelector('.heatmaplayer image')), plot: box(plot.querySelector('.nsewdrag')),
        texts: all('.annotation-text').concat(all('.heatmap-label text')), x: all('.xtick'), y: all('.ytick')};
})"""
GRIDS = {
    "1x1": ([1e-3], [16]),
    "1x3": ([1e-3], [8, 16, 32]),
    "6x3": ([1e-4, 3e-4, 1e-3, 2e-3, 5e-3, 1e-2], [8, 16, 32]),
    "names": (["finder", "onecycle"], ["16", "a"]),
}
#: Sources are often named by numbers, which are no places on an axis.
AUCS = pd.DataFrame([[0.9, 0.8, 0.7], [0.6, 0.95, 0.75]], index=["2019", "7"], columns=["1", "30", "31"])


def losses(rates, sizes):
    return (0.3 + 0.01 * np.arange(len(rates) * len(sizes))[::-1]).reshape(len(rates), len(sizes))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Draw all figures on one page: a browser takes seconds to start."""
    figures = [grid_figures(cells(*grid, losses(*grid).ravel()))["heat_map"] for grid in GRIDS.values()]
    figures.append(heat_map(AUCS, "AUC", "generator", "source"))
    boxes = measure(html_page("Grids", map(plot, figures)), BOXES, tmp_path_factory.mktemp("drawn"))
    return dict(zip([*GRIDS, "AUCs"], boxes, strict=True))


def cells(rates, sizes, losses) -> pd.DataFrame:
    table = pd.DataFrame(list(itertools.product(rates, sizes)), columns=["param.learning_rate", "param.batch_size"])
    return table.assign(**{"output.loss": losses})


def check(drawn, columns, rows, numbers, downward=False):
    """Compare where texts are drawn with the closed form: cells of one size fill the plot."""
    left, top, width, height = drawn["plot"]
    np.testing.assert_allclose(drawn["picture"], drawn["plot"], atol=6)
    across, down = width / len(columns), height / len(rows)
    for i, j in itertools.product(range(len(rows)), range(len(columns))):
        row = i if downward else len(rows) - 1 - i
        at = (left + (j + 0.5) * across, top + (row + 0.5) * down)
        found = [text for text, x, y in drawn["texts"] if abs(x - at[0]) < across / 4 and abs(y - at[1]) < down / 4]
        assert found == [numbers[i][j]]
    for labels, names, start, step, axis in (
        (drawn["x"], columns, left, across, 1),
        (drawn["y"], rows if downward else rows[::-1], top, down, 2),
    ):
        places = {label[0]: label[axis] for label in labels}
        assert sorted(places) == sorted(names)
        for i, name in enumerate(names):
            assert abs(places[name] - (start + (i + 0.5) * step)) < step / 4


@pytest.mark.slow
@pytest.mark.parametrize("name", GRIDS)
def test_grid_figures_heat_map_rendered(drawn, name):
    rates, sizes = GRIDS[name]
    columns, rows = ([v if isinstance(v, str) else f"{v:g}" for v in values] for values in (sizes, rates))
    numbers = [[f"{loss:.3f}" for loss in row] for row in losses(rates, sizes)]
    numbers[-1][-1] = f"★ {numbers[-1][-1]}"  # the smallest
    check(drawn[name], columns, rows, numbers)


@pytest.mark.slow
def test_heat_map_of_numeric_names_rendered(drawn):
    check(drawn["AUCs"], list(AUCS.columns), list(AUCS.index), AUCS.astype(str).to_numpy().tolist(), downward=True)
