"""Helpers for the tests of routes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import APIRouter


@pytest.fixture(scope="session")
def endpoints() -> Callable[[APIRouter], set[str]]:
    """Methods and paths of a router, each as one text."""

    def collect(router: APIRouter) -> set[str]:
        return {f"{method} {route.path}" for route in router.routes for method in route.methods}

    return collect
