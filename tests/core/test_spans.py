"""Spans of time as people write them."""

from __future__ import annotations

import pytest

from aletheia.core.spans import parse_span


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("90m", 5400), (" 24H ", 86_400), ("2 d", 172_800)])
def test_spans(text, seconds):
    assert parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "0h", "1.5h", "-3m", "3", "3w", "9" * 30 + "d"])
def test_no_span(text):
    with pytest.raises(ValueError, match="is no span of time; give a number and s, m, h or d, as in 24h"):
        parse_span(text)
