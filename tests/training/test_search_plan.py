"""Plans of a search: selectors, and what MLRun goes through."""

from __future__ import annotations

import math

import pytest

from aletheia.core.errors import InputError
from aletheia.training.epoch_metrics import NAMES
from aletheia.training.search_plan import SELECTABLE, SearchPlan, Selector


def test_selectable_are_the_measures_of_an_epoch():
    assert set(SELECTABLE) == {"loss", *NAMES}


def test_selector():
    assert Selector.parse("max.auc").cost({"auc": 0.9}) == -0.9
    assert Selector.parse("min.loss").cost({"loss": 0.4}) == 0.4
    assert Selector.parse("max.f1").cost({"loss": 0.4}) == Selector.parse("max.f1").cost({"f1": math.nan}) == math.inf
    assert str(Selector.parse("max.recall")) == "max.recall"


@pytest.mark.parametrize("text", ["auc", "max.", "best.auc", "max.area", ""])
def test_selector_refuses(text):
    with pytest.raises(InputError, match="names no result of a cell"):
        Selector.parse(text)


@pytest.mark.parametrize(
    ("search", "columns", "hyperparams"),
    [
        ("exhaustive", {"a": [1, 2], "b": [3]}, {"a": [1, 2], "b": [3]}),
        ("list", {"a": [1, 2], "b": [0.5, 7]}, {"a": [1, 2], "b": [0.5, 7]}),
        ("optuna", {"a": [1, 2]}, {"trial": [0, 1, 2]}),
    ],
)
def test_search_plan_hyperparams(search, columns, hyperparams):
    plan = SearchPlan.of(search, columns, 3, 0, "min.loss")
    assert plan.hyperparams() == hyperparams


def test_search_plan_random_hyperparams_are_its_points():
    plan = SearchPlan.of("random", {"a": ["1..9"], "b": [3, 4]}, 5, 0, "min.loss")
    drawn = plan.hyperparams()
    assert [{"a": a, "b": b} for a, b in zip(drawn["a"], drawn["b"], strict=True)] == plan.points()
    assert plan.text() != SearchPlan.of("random", {"a": ["1..8"], "b": [3, 4]}, 5, 0, "min.loss").text()
