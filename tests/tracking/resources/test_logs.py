"""Logs of runs in the database."""

from __future__ import annotations

import pytest

from aletheia.tracking.queries import ApiError
from aletheia.tracking.resources import logs, runs


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(logs, "_PIECE", 4)


def test_append_continues(store, small_pieces):
    text = b"0123456789"
    logs.append(store, "p", "u", text[:7], replace=False)
    logs.append(store, "p", "u", text[7:], replace=False)
    assert logs.size(store, "p", "u") == 10
    for offset in range(12):
        for length in (-1, 0, 1, 3, 9):
            end = None if length < 0 else offset + length
            assert logs.read(store, "p", "u", offset, length) == ("unknown", text[offset:end])


def test_append_replaces(store, small_pieces):
    logs.append(store, "p", "u", b"a long first text", replace=False)
    logs.append(store, "p", "u", b"short", replace=True)
    assert logs.read(store, "p", "u", 0, -1)[1] == b"short"


def test_read_returns_the_state_of_the_run(store):
    runs.put(store, "p", "u", 0, {"metadata": {"name": "n"}, "status": {"state": "running"}})
    assert logs.read(store, "p", "u", 0, -1) == ("running", b"")
    with pytest.raises(ApiError, match="not found"):
        logs.read(store, "p", "other", 0, -1)


def test_append_needs_the_project(store):
    with pytest.raises(ApiError, match="does not exist"):
        logs.append(store, "q", "u", b"", replace=False)
