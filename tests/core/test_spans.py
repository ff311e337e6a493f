"""Spans of time as people write them."""

from __future__ import annotations

import pytest

from aletheia.core.spans import format_span, parse_span


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("90m", 5400), (" 24H ", 86_400), ("2 d", 172_800)])
def test_spans(text, seconds):
    assert parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "0h", "1.5h", "-3m", "3", "3w", "9" * 30 + "d"])
def test_no_span(text):
    with pytest.raises(ValueError, match="is no span of time; give a number and s, m, h or d, as in 24h"):
        parse_span(text)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (59.9, "59s"), (5400, "1h"), (86_400, "1d"), (2.6e6, "30d")])
def test_format_span(seconds, text):
    assert format_span(seconds) == text
