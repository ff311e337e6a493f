"""Strategies of a search: which points of its columns are trained, and in which order. One registry holds them all."""

from __future__ import annotations

import itertools
import math
from abc import ABC
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from aletheia.core.errors import InputError
from aletheia.core.plugins import Registry
from aletheia.training.search_space import Point, Range, Space, count_points

#: A point that was trained, and the result that the search compares, lower being better; infinite when it diverged.
Finished = tuple[Point, float]
_START_UP = 5  # points that Optuna draws at random before it models anything


class SearchStrategy(ABC):
    """A way to choose the cells of a search.

    Attributes
    ----------
    name, description : str
        As on the command line and in its help.
    takes_ranges : bool
        Whether a column may be a range.
    is_fixed : bool
        Whether all points are known before the first is trained; if not, :meth:`suggest` chooses one after another.
    is_independent : bool
        Whether a cell is trained without regard to the others', so that each may be trained on another machine.
    mlrun_strategy : str
        How MLRun goes through the columns: ``grid`` or ``list``.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    takes_ranges: ClassVar[bool] = False
    is_fixed: ClassVar[bool] = True
    is_independent: ClassVar[bool] = True
    mlrun_strategy: ClassVar[str] = "list"

    def check(self, space: Space) -> None:
        """Refuse columns that the strategy cannot use, by InputError."""
        ranges = [name for name, values in space.items() if isinstance(values, Range)]
        if ranges and not self.takes_ranges:
            able = ", ".join(name for name, search in _registry.all().items() if search.takes_ranges)
            raise InputError(f"columns: {ranges[0]} is a range, which {self.name} cannot go through; choose {able}.")

    def points(self, space: Space, n_trials: int, seed: int) -> list[Point]:
        """Return all points, in order; those of a strategy that chooses one after another are not known."""
        raise NotImplementedError

    def suggest(self, space: Space, finished: Sequence[Finished], seed: int) -> Point:
        """Choose the next point by what the others, in their order, have come to."""
        raise NotImplementedError


#: Of other packages' strategies the modules are declared in the entry-point group ``aletheia.searches``.
_registry: Registry[type[SearchStrategy]] = Registry("search", group="aletheia.searches", package=__name__)


def register_search(strategy: type[SearchStrategy]) -> type[SearchStrategy]:
    """Add a strategy to the registry, as a decorator of its class.

    Raises
    ------
    InputError
        When another strategy has its name.
    """
    return _registry.register(strategy.name)(strategy)


def find_search(name: str) -> SearchStrategy:
    """Return a strategy by its name.

    Raises
    ------
    InputError
        When there is none; the message names similar ones, or all.
    """
    return _registry.find(name)()


@register_search
class Exhaustive(SearchStrategy):
    """Train every combination of the columns' values."""

    name = "exhaustive"
    description = "every cell trains for all epochs"
    mlrun_strategy = "grid"

    def points(self, space: Space, n_trials: int, seed: int) -> list[Point]:
        """Return the product of the columns, the last of them changing fastest."""
        return [dict(zip(space, values, strict=True)) for values in itertools.product(*map(_values, space.values()))]


@register_search
class Halving(Exhaustive):
    """Successive halving of the same combinations, see :mod:`aletheia.training.grid`."""

    name = "halving"
    description = "after a few epochs the better third goes on, and so forth"
    is_independent = False


@register_search
class Listed(SearchStrategy):
    """Train the first value of each column together, then the second of each, and so forth."""

    name = "list"
    description = "the first value of every column together, then the second, and so forth"

    def check(self, space: Space) -> None:
        """Refuse columns of different lengths."""
        super().check(space)
        lengths = {name: len(_values(values)) for name, values in space.items()}
        if len(set(lengths.values())) > 1:
            text = ", ".join(f"{name} {n}" for name, n in lengths.items())
            raise InputError(f"search: list takes one value of each column a cell, but the columns differ: {text}.")

    def points(self, space: Space, n_trials: int, seed: int) -> list[Point]:
        """Return one point for each place in the lists."""
        return [dict(zip(space, values, strict=True)) for values in zip(*map(_values, space.values()), strict=True)]


@register_search
class Random(SearchStrategy):
    """Draw points at random, none twice (Bergstra and Bengio, JMLR 13, 2012)."""

    name = "random"
    description = "trials cells drawn from values or ranges"
    takes_ranges = True

    def points(self, space: Space, n_trials: int, seed: int) -> list[Point]:
        """Draw the points; as many as there are when that is fewer."""
        rng = np.random.default_rng(seed)
        wanted, drawn = min(n_trials, count_points(space)), dict[tuple[Any, ...], Point]()
        while len(drawn) < wanted:
            point = {
                name: values.at(rng.random()) if isinstance(values, Range) else values[rng.integers(len(values))]
                for name, values in space.items()
            }
            drawn.setdefault(tuple(point.values()), point)
        return list(drawn.values())


@register_search
class Optuna(SearchStrategy):
    """Choose each point by the results of those before, with Optuna's tree-structured Parzen estimator.

    Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS 2011.
    """

    name = "optuna"
    description = "trials cells, each chosen by the results of those before (TPE), from values or ranges"
    takes_ranges = True
    is_fixed = False
    is_independent = False

    def check(self, space: Space) -> None:
        """Refuse to search without Optuna."""
        _import_optuna()

    def suggest(self, space: Space, finished: Sequence[Finished], seed: int) -> Point:
        """Ask a study that has the finished points; the same points and seed give the same answer."""
        optuna = _import_optuna()
        kinds = {name: _distribution(optuna, values) for name, values in space.items()}
        sampler = optuna.samplers.TPESampler(seed=seed + len(finished), n_startup_trials=_START_UP)
        study = optuna.create_study(sampler=sampler)
        worst = max((cost for _, cost in finished if math.isfinite(cost)), default=0.0) + 1.0
        for point, cost in finished:
            value = cost if math.isfinite(cost) else worst  # one that diverged
            coded = {name: _coded(space[name], point[name]) for name in space}
            study.add_trial(optuna.trial.create_trial(params=coded, distributions=kinds, value=value))
        asked = study.ask(kinds).params
        return {name: _decoded(space[name], asked[name]) for name in space}


#: The strategies of this package.
OWN_SEARCHES: tuple[type[SearchStrategy], ...] = (Exhaustive, Halving, Listed, Random, Optuna)


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise InputError(
            "search: optuna needs the package Optuna. Install the extra: pip install 'aletheia[search]'."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _distribution(optuna: Any, values: list[Any] | Range) -> Any:
    kinds = optuna.distributions
    if not isinstance(values, Range):
        # Values go by their places: Optuna keeps texts, numbers and booleans only. Those of numbers have an order.
        is_ordered = all(isinstance(value, int | float) for value in values)
        n = len(values)
        return kinds.IntDistribution(0, n - 1) if is_ordered else kinds.CategoricalDistribution(range(n))
    if values.is_whole:
        return kinds.IntDistribution(int(values.low), int(values.high), log=values.low > 0)
    return kinds.FloatDistribution(values.low, values.high, log=values.low > 0)


def _in_order(values: list[Any]) -> list[Any]:
    return sorted(values) if all(isinstance(value, int | float) for value in values) else values


def _coded(values: list[Any] | Range, value: Any) -> Any:
    return value if isinstance(values, Range) else _in_order(values).index(value)


def _decoded(values: list[Any] | Range, code: Any) -> Any:
    return code if isinstance(values, Range) else _in_order(values)[code]


def _values(values: list[Any] | Range) -> list[Any]:
    assert isinstance(values, list)  # check() refuses ranges
    return values
