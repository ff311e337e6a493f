"""Text, JSON and table columns of a value with its interval."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from aletheia.stats.estimate import Estimate

NAN = float("nan")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("", "0.980 (0.966 to 0.993)"),
        (".3f", "0.980 (0.966 to 0.993)"),
        (".2f", "0.98 (0.97 to 0.99)"),
        (".1%", "98.0% (96.6% to 99.3%)"),
        ("+.3f", "+0.980 (+0.966 to +0.993)"),
    ],
)
def test_estimate_format(spec, expected):
    assert format(Estimate(0.98, 0.966, 0.993), spec) == expected


def test_estimate_format_thousands():
    assert f"{Estimate(1234.4, 1000, 2000.6):,.0f}" == "1,234 (1,000 to 2,001)"


def test_estimate_str_three_digits():
    assert str(Estimate(0.5, 0.25, 0.75)) == "0.500 (0.250 to 0.750)"


def test_estimate_text_without_interval():
    assert str(Estimate(0.5)) == "0.500" and f"{Estimate(0.5, NAN, NAN):.0%}" == "50%"


def test_estimate_text_undefined():
    assert str(Estimate(NAN)) == f"{Estimate(NAN, 0.1, 0.2):.1%}" == "not defined"
    assert Estimate(NAN).text(undefined="–") == "–"


def test_estimate_interval():
    assert Estimate(0.5, 0.25, 0.75).interval(".0%") == "25% to 75%"
    assert Estimate(0.5).interval() == "–" and Estimate(NAN).interval(undefined="") == ""


def test_estimate_to_dict_json():
    """JSON has no NaN: None takes its place; the number of rows is not written."""
    assert (
        json.dumps(Estimate(0.5, NAN, NAN, 7).to_dict(), allow_nan=False) == '{"value": 0.5, "low": null, "high": null}'
    )


def test_estimate_from_dict_round_trip():
    estimate = Estimate(0.5, 0.25, 0.75)
    assert Estimate.from_dict(estimate.to_dict()) == estimate
    assert Estimate.from_dict({"auc": 0.5, "low": 0.25, "high": 0.75}, "auc") == estimate
    assert not Estimate.from_dict({"value": None}).is_defined


def test_estimate_from_columns_round_trip():
    estimate = Estimate(0.5, 0.25, 0.75)
    table = pd.DataFrame([estimate.to_columns("fpr")])
    assert list(table) == ["fpr", "fpr_low", "fpr_high"]
    assert Estimate.from_columns(table.iloc[0], "fpr") == estimate
    assert np.isnan(Estimate.from_columns({"fpr": 0.1}, "fpr").low)
