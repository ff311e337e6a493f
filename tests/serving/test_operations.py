"""Descriptions and policies of the routes for programs."""

from __future__ import annotations

import pytest

from aletheia.serving import operations
from aletheia.serving.routes import router
from aletheia.serving.schemas import Failure, V2Failure


@pytest.mark.parametrize(("v2", "model"), [(False, Failure), (True, V2Failure)])
def test_describe_failures_of_the_protocol(v2, model):
    answers = operations.describe_failures(503, 404, v2=v2)
    assert list(answers) == [404, 503, "default"]
    assert {answer["model"] for answer in answers.values()} == {model} and answers[404]["description"] == "Not here."


def test_every_route_is_guarded_and_described():
    """Each has one policy, and describes how it refuses."""
    policies = {id(value) for value in vars(operations).values() if isinstance(value, operations.RoutePolicy)}
    for route in router.routes:
        assert len([d for d in route.dependencies if id(d.dependency) in policies]) == 1, route.path
        assert "default" in route.responses, route.path
