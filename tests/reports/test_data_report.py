"""The data report: tables with the numbers of the analyses, names escaped, parts that are missing."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from aletheia.audit.file_properties import shortcut_auc
from aletheia.core.plot_library import PACKED_ID
from aletheia.datasets.split import check_leakage
from aletheia.reports.data_plots import preparation_figures
from aletheia.reports.data_report import render_data_report

from .conftest import MARKUP, Prepared
from .helpers import read_tables, without_scripts

NAN = float("nan")


def render(prepared: Prepared, **options: object) -> str:
    shortcut = shortcut_auc(prepared.train, prepared.test)
    return render_data_report({}, *prepared.bias, prepared.balancing, shortcut, **options)


def rows_below(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading, without its head."""
    assert f"<h2>{heading}</h2>" in page
    return read_tables(page.split(f"<h2>{heading}</h2>")[1])[0][1:]


def test_render_data_report_stands_alone(prepared: Prepared) -> None:
    shortcut = shortcut_auc(prepared.train, prepared.test)
    figures = preparation_figures(prepared.before, prepared.after, *prepared.bias)
    page = render_data_report(figures, *prepared.bias, prepared.balancing, shortcut)
    assert page.startswith("<!DOCTYPE html>")
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", page)
    assert page.count(f'id="{PACKED_ID}"') == 1
    assert len(re.findall(r'class="plotly-graph-div"', page)) == 5


def test_render_data_report_escapes_names(prepared: Prepared) -> None:
    skipped = pd.DataFrame({"path": [MARKUP], "reason": ["is empty (zero bytes)"]})
    page = render(prepared, skipped=skipped, leaks=check_leakage(prepared.after), title=MARKUP)
    assert "<script>alert" not in page and "<b>" not in without_scripts(page)
    assert rows_below(page, "Files left out") == [[MARKUP, "is empty (zero bytes)"]]


def test_render_data_report_associations(prepared: Prepared) -> None:
    before, after = prepared.bias
    rows = {row[0]: row for row in rows_below(render(prepared), "Association of each column with the label")}
    association = after.associations.set_index("column").loc["skin_tone"]
    assert rows["skin tone"][1:5] == [
        f"{association['n']:,}",
        f"{before.cramers_v('skin_tone'):.3f}",
        f"{after.cramers_v('skin_tone'):.3f}",
        f"{association['cramers_v_corrected']:.3f}",
    ]
    known = [(part["skin_tone"] != "").mean() for _, part in prepared.after.groupby("label")]  # fake, real
    assert rows["skin tone"][8:] == [f"{known[1]:.0%} / {known[0]:.0%}", association["verdict"]]


def test_render_data_report_escapes_p_values(prepared: Prepared) -> None:
    """A p-value below a thousandth is written with a sign that opens a tag in HTML."""
    before, after = prepared.bias
    table = after.associations.assign(p_adjusted=1e-6)
    after = dataclasses.replace(after, associations=table)
    shortcut = shortcut_auc(prepared.train, prepared.test)
    page = render_data_report({}, before, after, prepared.balancing, shortcut)
    assert page.count("<td>&lt; 0.001</td>") == len(table) and "< 0.001" not in without_scripts(page)


def test_render_data_report_rates(prepared: Prepared) -> None:
    rows = {(row[0], row[1]): row for row in rows_below(render(prepared), "Share of fakes by group, after balancing")}
    males = prepared.after[prepared.after["gender"] == "male"]
    assert rows["gender", "male"][2:4] == [f"{len(males):,}", f"{(males['label'] == 'fake').mean():.1%}"]
    assert ("source", MARKUP) in rows


def test_render_data_report_without_columns(make_manifest, prepared: Prepared) -> None:
    bare = make_manifest(100, source="", gender="", generator="")
    page = render(prepared._replace(before=bare, after=bare))
    assert "The manifest has no source, generator or demographic column." in page


def test_render_data_report_policies(prepared: Prepared) -> None:
    policies = pd.DataFrame(
        {
            "policy": ["none", "count"],
            "real": [1000, 2000],
            "fake": [3000, 3000],
            "fake_share": [0.75, 0.6],
            "cramers_v": [NAN, 0.25],
            "auc": [0.625, NAN],
            "low": [0.5, NAN],
            "high": [0.75, NAN],
            "reason": ["", "one class"],
        }
    )
    rows = rows_below(render(prepared, policies=policies), "Balance policies")
    assert rows == [
        ["none", "1,000", "3,000", "75%", "–", "0.625 (0.500 to 0.750)"],
        ["count (chosen)", "2,000", "3,000", "60%", "0.250", "one class"],
    ]


def test_render_data_report_leaks(prepared: Prepared) -> None:
    leaky = prepared.after.copy()
    leaky.loc[[0, len(leaky) - 1], "identity"] = "ann"
    leaky.loc[[0, len(leaky) - 1], "split"] = ["train", "test"]
    page = render(prepared, leaks=check_leakage(leaky))
    assert [row[:2] for row in rows_below(page, "Leaks")] == [["identity", "ann"]]
    assert "1 leaks between the splits were found." in page


def test_render_data_report_long_lists_are_cut(prepared: Prepared) -> None:
    skipped = pd.DataFrame({"path": np.arange(1234).astype(str), "reason": "empty"})
    page = render(prepared, skipped=skipped)
    assert len(rows_below(page, "Files left out")) == 200 and "… and 1,034 more." in page


@pytest.mark.parametrize("heading", ["Leaks", "Files left out", "Balance policies"])
def test_render_data_report_without_parts(prepared: Prepared, heading: str) -> None:
    assert f"<h2>{heading}</h2>" not in render(prepared, leaks=check_leakage(prepared.after))


def test_render_data_report_shortcut_of_the_files(prepared: Prepared) -> None:
    marked = {
        name: getattr(prepared, name).assign(has_exif=getattr(prepared, name)["label"] == "fake")
        for name in ("train", "test")
    }
    page = render(prepared._replace(**marked))
    assert "EXIF present" in page and "has shown nothing about faces" in page
