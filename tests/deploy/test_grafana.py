"""The Grafana dashboard: generated from its source, of queries that parse, about metrics that the service has."""

from __future__ import annotations

import json
import runpy

import promql_parser
import pytest

from aletheia.serving.admission import Admission
from aletheia.serving.config import ServeConfig
from aletheia.serving.metrics import ServiceMetrics
from aletheia.serving.model_loading import load_model

from ..packaging.commands import ROOT

SOURCE = runpy.run_path(str(ROOT / "deploy" / "grafana" / "dashboard.py"))
BOARD = json.loads(SOURCE["FILE"].read_text())


def metric_names(node: object) -> set[str]:
    """Names of the metrics in a parsed query."""
    if isinstance(node, promql_parser.VectorSelector):
        return {node.name}
    children = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "vector_selector", "vs")]
    children += list(getattr(node, "args", None) or [])
    return set().union(*(metric_names(child) for child in children if child is not None))


def test_file_is_what_its_source_builds():
    assert SOURCE["FILE"].read_text() == SOURCE["build"](), "run: make grafana"


def test_panels_stand_beside_each_other():
    places = [tuple(panel["gridPos"][key] for key in "xywh") for panel in BOARD["panels"]]
    cells = [(x + i, y + j) for x, y, width, height in places for i in range(width) for j in range(height)]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
    assert len({panel["title"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


@pytest.fixture(scope="module")
def known(random_bundle) -> set[str]:
    """Names of all series that the service may show."""
    metrics = ServiceMetrics(load_model(ServeConfig(models=(str(random_bundle),))), Admission(1, 1))
    names = set()
    for family in metrics.registry.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        names |= {f"{family.name}{suffix}" for suffix in suffixes}
    return names | {"aletheia_prediction_log_lost_rows"}  # of a service with a log


@pytest.mark.parametrize("expression", SOURCE["expressions"](BOARD))
def test_queries(expression, known):
    names = metric_names(promql_parser.parse(expression.replace("$__rate_interval", "1m")))
    assert names and names <= known
