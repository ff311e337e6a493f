"""What a search goes through: columns, strategy, and by which result its best cell is chosen."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aletheia.core.errors import InputError
from aletheia.training.search_space import Point, Space, parse_space
from aletheia.training.search_strategies import SearchStrategy, find_search

#: Results of a cell that may choose the best: its lowest mean validation loss, and measures of that epoch.
SELECTABLE = ("loss", "auc", "accuracy", "precision", "recall", "f1")


@dataclass(frozen=True)
class Selector:
    """Which result chooses the best cell, and whether less of it is better."""

    name: str
    is_min: bool

    @classmethod
    def parse(cls, text: str) -> Selector:
        """Read ``min.NAME`` or ``max.NAME``.

        Raises
        ------
        InputError
            For anything else, and for a result that no cell has.
        """
        order, _, name = text.partition(".")
        if order not in ("min", "max") or name not in SELECTABLE:
            names = ", ".join(SELECTABLE)
            raise InputError(
                f"{text!r} names no result of a cell; write min. or max. and one of {names}, as in max.auc"
            )
        return cls(name, order == "min")

    def __str__(self) -> str:
        return f"{'min' if self.is_min else 'max'}.{self.name}"

    def cost(self, results: Mapping[str, float]) -> float:
        """Return the result as one of which less is better; infinite where it is missing."""
        value = results.get(self.name, math.nan)
        return math.inf if math.isnan(value) else value if self.is_min else -value


@dataclass(frozen=True)
class SearchPlan:
    """A search.

    Attributes
    ----------
    strategy : SearchStrategy
    space : Space
        The columns.
    n_trials : int
        Cells of a strategy that draws or chooses them.
    seed : int
    selector : Selector
    """

    strategy: SearchStrategy
    space: Space
    n_trials: int
    seed: int
    selector: Selector

    @classmethod
    def of(cls, search: str, columns: Mapping[str, list[Any]], n_trials: int, seed: int, selector: str) -> SearchPlan:
        """Read and check a plan.

        Raises
        ------
        InputError
            For an unknown strategy or selector, or columns that the strategy cannot use.
        """
        strategy, space = find_search(search), parse_space(columns)
        strategy.check(space)
        chosen = Selector.parse(selector)
        if search == "halving" and str(chosen) != "min.loss":
            raise InputError("selector: halving compares losses; choose min.loss, or another search.")
        return cls(strategy, space, n_trials, seed, chosen)

    def points(self) -> list[Point]:
        """Return all points of a strategy that knows them beforehand."""
        return self.strategy.points(self.space, self.n_trials, self.seed)

    def check_parallel(self) -> None:
        """Raise InputError for a strategy whose cells cannot be trained side by side, each on a machine of its own."""
        if not self.strategy.is_independent:
            raise InputError(
                f"search: {self.strategy.name} goes by the results of other cells, so that they cannot be trained each "
                "on a machine of its own. Leave parallel_runs and dask_cluster_uri out, or choose exhaustive, list or "
                "random."
            )

    def hyperparams(self) -> dict[str, list[Any]]:
        """Return the columns that MLRun goes through: those of the search, or ``trial``, the number of the cell."""
        if not self.strategy.is_fixed:
            return {"trial": list(range(self.n_trials))}
        if self.strategy.mlrun_strategy == "grid":
            return {name: list(values) for name, values in self.space.items() if isinstance(values, list)}
        points = self.points()
        return {name: [point[name] for point in points] for name in self.space}

    def text(self) -> str:
        """Return everything that decides which points are trained."""
        space = {name: values if isinstance(values, list) else repr(values) for name, values in self.space.items()}
        return json.dumps([self.strategy.name, space, self.n_trials, self.seed, str(self.selector)], default=str)
