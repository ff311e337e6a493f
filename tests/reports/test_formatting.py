"""Numbers and tables of the pages."""

from __future__ import annotations

import pytest

from aletheia.reports.formatting import escaped_table, number

from .helpers import read_tables, tags


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [(0.1234, ".2f", "0.12"), (0.5, ".0%", "50%"), (float("nan"), ".2f", "–"), (float("inf"), ".1f", "inf")],
)
def test_number(value, spec, text):
    assert number(value, spec) == text


def test_number_undefined():
    assert number(float("nan"), ".3f", "not defined") == "not defined"


def test_escaped_table_cells():
    html = escaped_table(("a & b", "n"), [("<i>x</i>", 3), ('"', 4.5)], more=1200)
    assert read_tables(html) == [[["a & b", "n"], ["<i>x</i>", "3"], ['"', "4.5"]]]
    assert "i" not in tags(html) and "and 1,200 more" in html


def test_escaped_table_complete():
    assert "more" not in escaped_table(("a",), [("b",)])
