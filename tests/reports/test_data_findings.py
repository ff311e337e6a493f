"""Sentences of the data report: their numbers, and which of them warn."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

from aletheia.audit.audit import Audit, Family
from aletheia.datasets.balance import BalanceReport
from aletheia.datasets.bias import analyse_bias
from aletheia.datasets.grouping import Known
from aletheia.reports.data_findings import render_findings
from aletheia.stats.tabular import Shortcut

BALANCING = BalanceReport("count", 0.5, 20, 60, 80, 300, {}, 40, 60, 0.1, 0.0, ["The pool was too <b>small</b>."])
NOTHING_SKIPPED = pd.DataFrame(columns=["path", "reason"])


def shortcut(auc: float, low: float, high: float, reason: str = "") -> Shortcut:
    features = pd.DataFrame({"feature": ["width"], "name": ["width"], "importance": [0.2], "alone": [auc]})
    return Shortcut(auc, low, high, 100, features, reason)


def family(key: str, auc: float, control: bool = False) -> Family:
    return Family(key, f"the {key}", control, shortcut(auc, auc - 0.05, auc + 0.05), 0.01)


@pytest.fixture
def findings(make_manifest):
    """Render findings and return (kind, text) of each; named values replace those of a harmless data set."""

    def render(**changes: object) -> list[tuple[str, str]]:
        frame = make_manifest(400, fakes=0.5)
        values = {
            "before": analyse_bias(frame),
            "after": analyse_bias(frame),
            "balancing": BALANCING,
            "shortcut": shortcut(0.5, 0.4, 0.58),
            "shortcut_train": None,
            "skipped": NOTHING_SKIPPED,
            "leaks": None,
            "audits": None,
            "remedy_messages": [],
        }
        html = render_findings(**(values | changes))
        parts = re.findall(r'<div class="finding (\w*)">(.*?)</div>', html)
        assert "".join(f'<div class="finding {kind}">{text}</div>' for kind, text in parts) == html
        return [(kind, unescape(text)) for kind, text in parts]

    return render


def kinds(findings: list[tuple[str, str]], text: str) -> list[str]:
    return [kind for kind, sentence in findings if text in sentence]


def test_render_findings_of_harmless_data(findings):
    assert [kind for kind, _ in findings()].count("bad") == 0


def test_render_findings_size(findings, make_manifest):
    frame = make_manifest(200, label=["fake"] * 150 + ["real"] * 50, generator="")
    rendered = findings(before=analyse_bias(frame))
    assert rendered[0][1].startswith(
        "Before balancing there are 200 images, 150 of them fake (75%). Always answering “fake” is right in 75%:"
    )


@pytest.mark.parametrize(
    ("outcome", "kind", "text"),
    [
        (shortcut(0.9, 0.85, 0.95), "bad", "AUC 0.90 (0.85 to 0.95); what gives it away: width."),
        (shortcut(0.62, 0.55, 0.7), "", "AUC 0.62 (0.55 to 0.70)"),
        (shortcut(0.5, 0.4, 0.6), "good", "AUC 0.50 (0.40 to 0.60)"),
        (shortcut(*[float("nan")] * 3, reason="one class"), "", "was not computed: one class."),
    ],
)
def test_render_findings_shortcut(findings, outcome, kind, text):
    for rendered in (findings(shortcut=outcome), findings(shortcut_train=outcome)):
        assert kinds(rendered, text) == [kind]
    assert bool(kinds(rendered, "has shown nothing about faces")) == (kind == "bad")


@pytest.mark.parametrize(
    ("real_sources", "fake_sources", "kind", "text"),
    [
        ("a", "b", "bad", "is 1.00 (before balancing 0.0"),
        ("aaab", "abbb", "bad", "says much about its label"),
        ("aaabb", "aabbb", "", "determines it"),
        ("ab", "ab", "good", "is 0.00 (before"),
        ("", "", "", "The sources of the images are unknown."),
    ],
)
def test_render_findings_sources(findings, make_manifest, real_sources, fake_sources, kind, text):
    frame = make_manifest(400, label=["real"] * 200 + ["fake"] * 200, generator="")
    if real_sources:
        frame["source"] = list(real_sources) * (200 // len(real_sources)) + list(fake_sources) * (
            200 // len(fake_sources)
        )
    else:
        frame["source"] = ""
    assert kinds(findings(after=analyse_bias(frame)), text) == [kind]


def test_render_findings_columns(findings, make_manifest):
    frame = make_manifest(400, label=["real"] * 200 + ["fake"] * 200, generator="")
    frame["age"] = ["young"] * 60 + [""] * 140 + ["old"] * 200
    frame["gender"] = ["f"] * 150 + ["m"] * 50 + ["f"] * 50 + ["m"] * 150
    rendered = findings(after=analyse_bias(frame))
    assert kinds(rendered, "Age is known for 30% of the real and 100% of the fake images") == ["bad"]
    # 150 and 50 of 200: chi-squared is 100 for 400 rows, V = sqrt(100 / 400).
    assert kinds(rendered, "Groups of gender differ in their share of fakes (Cramér's V 0.50, a large effect).") == [
        "bad"
    ]


def test_render_findings_balancing(findings):
    rendered = findings()
    assert kinds(
        rendered,
        "the policy “count” drew 40 of 300 images of the pool: 20 real training images became 60, beside 80 fakes.",
    ) == [""]
    assert kinds(rendered, "The pool was too <b>small</b>.") == [""]


def test_render_findings_leaks(findings):
    assert kinds(findings(leaks=pd.DataFrame({"kind": []})), "two sides of the split") == ["good"]
    assert kinds(findings(leaks=pd.DataFrame({"kind": ["a", "b"]})), "2 leaks between the splits were found.") == [
        "bad"
    ]
    assert kinds(findings(), "split") == []


@pytest.mark.parametrize(
    ("known", "kind", "words"),
    [
        (Known(10, 0, 0), "bad", "Of none of 10 images is the person or the video known"),
        (Known(10, 10, 0), "good", "No known group of images is on two sides of the split. The person or the video"),
        (Known(10, 10, 4), "", "(4 guessed from"),
        (Known(10, 4, 0), "", "is known of 4 of 10 images"),
    ],
)
def test_render_findings_leaks_say_what_is_known(findings, known, kind, words):
    rendered = findings(leaks=pd.DataFrame({"kind": []}), known=known)
    assert kinds(rendered, words) == [kind]
    assert kinds(findings(leaks=pd.DataFrame({"kind": ["a"]}), known=known), "1 leaks") == ["bad"]


def test_render_findings_notes(findings):
    assert kinds(findings(notes=["The data set's own split was kept."]), "own split was kept") == [""]


def test_render_findings_skipped(findings):
    skipped = pd.DataFrame({"path": list("abc"), "reason": ["empty", "too large as a picture", "empty"]})
    assert kinds(findings(skipped=skipped), "3 files were left out: 2 × empty; 1 × too large.") == [""]
    assert kinds(findings(skipped=skipped.iloc[:1]), "1 file was left out: 1 × empty.") == [""]
    many = pd.DataFrame({"path": np.arange(21).astype(str), "reason": "<empty>"})
    assert kinds(findings(skipped=many), "21 files were left out: 21 × <empty>.") == ["bad"]  # more than 5 % of 400


def test_render_findings_audits(findings):
    pictures = Audit((family("delivery", 0.9), family("thumbnail", 0.7, control=True)), 100, 50, 100, 0)
    crops = Audit((family("delivery", 0.5), family("thumbnail", 0.55, control=True)), 100, 50, 100, 0)
    rendered = findings(audits=(pictures, crops), remedy_messages=["All were saved alike."])
    assert kinds(rendered, "The pictures as they were delivered. the delivery: AUC 0.90 (0.85 to 0.95)") == ["bad"]
    assert kinds(rendered, "All were saved alike.") == [""]
    assert kinds(rendered, "The crops that the network will see, after the remedies. ") == ["good"]
    assert kinds(rendered, "above an AUC of 0.55: that is the AUC of “the thumbnail”.") == [""]
    assert kinds(findings(audits=(pictures, crops)), "after the remedies") == []
