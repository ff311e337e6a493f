"""The audit's page and figure, from outcomes set by hand."""

from __future__ import annotations

import base64
import re

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.audit.audit import Audit, Family
from aletheia.reports.audit_report import audit_figure, render_audit_report
from aletheia.stats.tabular import Shortcut, not_computed

from .helpers import read_tables, tags, without_scripts

NAMES = {
    "delivery": "<i>delivery</i>",
    "light": "light & shadow",
    "tables": "tables",
    "thumbnail": "thumbnail",
    "all": "all measures together",
}


def outcome(auc: float, measure: str) -> Shortcut:
    features = pd.DataFrame({"feature": [measure], "name": [f"<{measure}>"], "importance": [0.2], "alone": [auc]})
    return Shortcut(auc, auc - 0.05, min(auc + 0.04, 1), 40, features)


def audit(**aucs: float) -> Audit:
    outcomes = {key: outcome(auc, key) for key, auc in aucs.items()} | {"tables": not_computed("no JPEG files", True)}
    families = [Family(key, name, key == "thumbnail", outcomes[key], 0.01) for key, name in NAMES.items()]
    return Audit(tuple(families), 40, 20, 1000, 3)


@pytest.fixture
def pictures() -> Audit:
    return audit(delivery=0.9, light=0.55, thumbnail=0.7, all=0.95)


@pytest.fixture
def crops() -> Audit:
    return audit(delivery=0.5, light=0.52, thumbnail=0.56, all=0.51)


@pytest.fixture
def faces(tmp_path) -> pd.DataFrame:
    """40 faces whose pictures are as bright as their number."""
    paths = [str(tmp_path / f"{k}.png") for k in range(40)]
    for k, path in enumerate(paths):
        cv2.imwrite(path, np.full((16, 16, 3), 6 * k, np.uint8))
    return pd.DataFrame({"original": paths, "label": ["real", "fake"] * 20})


@pytest.fixture
def measures() -> pd.DataFrame:
    return pd.DataFrame({"delivery": np.arange(40.0), "light": 0.0})


def test_render_audit_report_table(pictures, crops, faces, measures):
    (table,) = read_tables(render_audit_report(pictures, faces, measures, crops))
    assert table[0] == ["family", "AUC (interval)", "in the crops", "leading measures"]
    assert table[1] == ["<i>delivery</i>", "0.900 (0.850 to 0.940)", "0.500 (0.450 to 0.540)", "<delivery>"]
    assert table[3] == ["tables", "no JPEG files", "no JPEG files", ""]
    assert [row[0] for row in table[1:]] == list(NAMES.values())


def test_render_audit_report_without_crops(pictures, faces, measures):
    page = render_audit_report(pictures, faces, measures)
    assert read_tables(page)[0][0] == ["family", "AUC (interval)", "leading measures"]
    assert "that the network will see" not in page


def test_render_audit_report_findings(pictures, crops, faces, measures):
    page = render_audit_report(pictures, faces, measures, crops)
    assert "40 faces, drawn from 1,000, 20 of them fake" in page
    assert "Of 40 faces 3 could not be measured: the file is unreadable." in page
    assert "has shown something only above an AUC of 0.70: that is the AUC of “thumbnail”." in page
    pictures_kind, crops_kind = re.findall(r'<div class="verdict (\w*)">', page)
    assert (pictures_kind, crops_kind) == ("bad", "")  # the tables could not be judged: neither good nor bad


def test_render_audit_report_remedies(pictures, crops, faces, measures):
    page = render_audit_report(pictures, faces, measures, crops, ["All were saved as <JPEG>."])
    assert "<h2>After the remedies, in the crops that the network will see</h2>" in page
    assert "<li>All were saved as &lt;JPEG&gt;.</li>" in page
    page = render_audit_report(pictures, faces, measures, crops)
    assert "<h2>In the crops that the network will see</h2>" in page


def test_render_audit_report_escapes_names(pictures, crops, faces, measures):
    page = render_audit_report(pictures, faces, measures, crops, title="<i>")
    assert "i" not in tags(page) and "<h1>&lt;i&gt;</h1>" in page
    assert "light &amp; shadow" in without_scripts(page)
    assert 'src="http' not in without_scripts(page)


def test_render_audit_report_examples_at_both_ends(pictures, faces, measures):
    page = without_scripts(render_audit_report(pictures, faces, measures))
    assert "<h3>&lt;i&gt;delivery&lt;/i&gt;: &lt;delivery&gt;</h3>" in page
    assert "<p>lowest, 0 to 7</p>" in page and "<p>highest, 32 to 39</p>" in page
    sheets = [base64.b64decode(text) for text in re.findall(r"base64,([^\"]+)", page)]
    means = [cv2.imdecode(np.frombuffer(sheet, np.uint8), cv2.IMREAD_GRAYSCALE).mean() for sheet in sheets]
    assert len(sheets) == 2 and means[1] > means[0] + 50


def test_render_audit_report_without_examples(crops, faces, measures):
    assert "<h2>Examples</h2>" not in render_audit_report(crops, faces, measures)
    # Numbers of too few faces: there are no two ends.
    few = measures.assign(delivery=np.where(np.arange(40) < 15, 1.0, np.nan))
    assert "<h2>Examples</h2>" not in render_audit_report(
        audit(delivery=0.9, light=0.5, thumbnail=0.5, all=0.5), faces, few
    )


def test_audit_figure_values(pictures, crops):
    figure = audit_figure(pictures, crops)
    drawn = {
        symbol: {
            name: (x, x - minus, x + plus)
            for trace in figure.data
            if trace.mode == "markers" and trace.marker.symbol == symbol and trace.error_x.array is not None
            for name, x, plus, minus in zip(
                trace.y, trace.x, trace.error_x.array, trace.error_x.arrayminus, strict=True
            )
        }
        for symbol in ("circle", "diamond-open")
    }
    names = {"delivery": "&lt;i&gt;delivery&lt;/i&gt;", "light": "light &amp; shadow"}
    for symbol, outcomes in (("circle", pictures), ("diamond-open", crops)):
        expected = {
            names.get(family.key, family.name): pytest.approx(
                (family.outcome.auc, family.outcome.low, family.outcome.high)
            )
            for family in outcomes.families
            if not family.outcome.reason
        }
        assert drawn[symbol] == expected
    offsets = {(trace.marker.symbol, trace.offsetgroup) for trace in figure.data if trace.error_x.array is not None}
    assert figure.layout.scattermode == "group" and len({group for _, group in offsets}) == len(offsets) == 2


def test_audit_figure_without_crops(pictures):
    figure = audit_figure(pictures)
    assert {trace.marker.symbol for trace in figure.data} == {"circle"}
    assert {trace.name for trace in figure.data} == {
        "measures",
        "controls, which see next to nothing of a face",
        "all measures together",
    }
