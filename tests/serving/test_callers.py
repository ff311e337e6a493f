"""Pseudonyms of callers and their allowance."""

from __future__ import annotations

import pytest

from aletheia.inference.errors import RequestError
from aletheia.serving import callers
from aletheia.serving.callers import Callers


def test_pseudonyms_last_for_a_day():
    now = [1_000_000 * 86_400.0 + 10]
    first, second = Callers(100, lambda: now[0]), Callers(100, lambda: now[0])
    name = first.admit("192.0.2.1")
    assert first.admit("192.0.2.1") == name
    assert first.admit("192.0.2.2") != name
    assert second.admit("192.0.2.1") != name  # a service started anew cannot be asked who it was
    now[0] += 86_380
    assert first.admit("192.0.2.1") == name
    now[0] += 10
    assert first.admit("192.0.2.1") != name


def test_allowance_of_an_hour():
    now = [3600.0 * 1000 + 600]
    limited = Callers(2, lambda: now[0])
    limited.admit("a")
    limited.admit("a")
    with pytest.raises(RequestError, match="about 2 answers in an hour") as caught:
        limited.admit("a")
    assert (caught.value.status, caught.value.retry_after) == (429, 3000)
    limited.admit("b")
    now[0] += 3000
    limited.admit("a")


def test_many_callers_need_bounded_memory(monkeypatch):
    monkeypatch.setattr(callers, "_MAX_CALLERS", 3)
    limited = Callers(2, lambda: 0.0)
    for number in range(3):
        limited.admit(f"known {number}")
    for number in range(2):
        limited.admit(f"new {number}")
    with pytest.raises(RequestError):
        limited.admit("new 3")
    limited.admit("known 0")
    assert len(limited._counts) == 4
