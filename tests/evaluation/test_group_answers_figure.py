"""The figure of answers by group."""

from __future__ import annotations

import pandas as pd
import pytest

from aletheia.evaluation.abstention_groups import COLUMNS
from aletheia.evaluation.group_answers_figure import group_answers_figure

NUMBERS = {name: 0.5 for name in COLUMNS if name.startswith(("answered", "error", "covered"))}


def test_group_answers_figure_shows_the_numbers_in_order():
    rows = [
        {"column": "source", "value": "<b>web</b>", "label": label, "n": 30, "promised": 0.9, "kept": True, **NUMBERS}
        for label in ("real", "fake")
    ]
    rows[1] |= {"answered": 0.25, "error_answered": 0.75, "error_answered_high": 0.875}
    figure = group_answers_figure(pd.DataFrame(rows))
    answered, wrong = figure.data
    assert list(answered.x) == [0.25, 0.5] and list(wrong.x) == [0.75, 0.5]
    assert list(wrong.error_x.array) == [0.125, 0] and list(wrong.error_x.arrayminus) == [0.25, 0]
    assert list(figure.layout.yaxis.ticktext) == [
        "source &lt;b&gt;web&lt;/b&gt;, fake",
        "source &lt;b&gt;web&lt;/b&gt;, real",
    ]
    assert figure.layout.shapes[0].x0 == 1 - 0.9


def test_group_answers_figure_without_groups_says_so():
    figure = group_answers_figure(pd.DataFrame(columns=list(COLUMNS)))
    assert "always answers" in figure.layout.annotations[0].text


def test_group_answers_figure_names_what_is_missing():
    rows = [
        {"column": "source", "value": f"s{i}", "label": "real", "promised": 0.9, **NUMBERS, "error_answered": error}
        for i, error in enumerate([0.5] * 41 + [float("nan")])
    ]
    figure = group_answers_figure(pd.DataFrame(rows[::-1]))
    (text,) = [annotation for annotation in figure.layout.annotations if annotation.text == "no answers"]
    assert round(text.y) == 39  # the first row, at the top
    assert len(figure.data[0].x) == 40
    assert "The first 40 of 42 parts." in figure.layout.title.subtitle.text.replace("<br>", " ")


@pytest.mark.parametrize(("low", "words"), [(0.25, "95 % intervals."), (float("nan"), "too few for intervals.")])
def test_group_answers_figure_with_and_without_intervals(low, words):
    numbers = NUMBERS | {"answered_low": low, "error_answered_low": low}
    row = {"column": "source", "value": "s", "label": "real", "promised": 0.9, **numbers}
    assert group_answers_figure(pd.DataFrame([row])).layout.title.subtitle.text.replace("<br>", " ").endswith(words)
