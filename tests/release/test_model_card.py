"""The card is one that the Hub reads, each number stands with its run and data, and names cannot become markup."""

from __future__ import annotations

import pytest
from huggingface_hub import ModelCard

from aletheia.models.spec import ModelSpec
from aletheia.release.gate import run_gate
from aletheia.release.model_card import model_card

SPEC = ModelSpec(
    architecture="attention_cnn",
    input_size=96,
    trained_on="1,000 faces",
    run="run-of-train",
    data_hash="a" * 64,
    weights_sha256="b" * 64,
    threshold=0.61,
)


def test_the_hub_reads_it(good):
    card = ModelCard(model_card(SPEC, good, run_gate(good), tag="production"))
    results = {result.metric_type: result for result in card.data.eval_results}
    assert results["roc_auc"].metric_value == pytest.approx(good["metrics"]["auc"]["value"], abs=1e-4)
    assert {result.dataset_revision for result in results.values()} == {"d" * 64}
    assert [result.metric_args for result in results.values()] == [{"run": "run-of-evaluate"}] * len(results)
    assert card.data.library_name == "pytorch" and "deepfake-detection" in card.data.tags


def test_every_number_names_its_run_and_data(good):
    text = model_card(SPEC, good, run_gate(good), tag="production")
    numbers = text[text.index("## What it is worth") : text.index("## Groups of people")]
    heads = ("| metric", "| ---", "| detector")
    rows = [line for line in numbers.splitlines() if line.startswith("| ") and not line.startswith(heads)]
    assert len(rows) == 9 + 2 + 5
    assert all("run-of-evaluate | dddddddddddddddd |" in row for row in rows)
    assert "run-of-train" in text and "0.610" in text


def test_a_refused_model_says_so_first(good):
    good["leaks"] = 3
    text = model_card(SPEC, good, run_gate(good), tag="candidate")
    verdict = text[text.index("# Deepfake") : text.index("## What it does")]
    assert "failed 1 of 10 checks and must not answer" in verdict
    assert "| no leakage | FAILED | 3 groups" in verdict
    assert "it passed every check" not in verdict
    good["leaks"] = 0
    text = model_card(SPEC, good, run_gate(good), tag="production")
    assert "passed every check that could be judged, 9 of 10" in text


def test_groups_and_rarity_are_in_it(good):
    group = {"column": "gender", "value": "<b>x|y</b>", "n_real": 30, "n_fake": 60}
    group |= {"auc": None, "fpr": 0.1, "fpr_low": 0.05, "fpr_high": 0.2, "fnr": 0.0, "fnr_low": 0.0, "fnr_high": 0.1}
    text = model_card(SPEC, good | {"subgroups": [group]}, run_gate(good), tag="production")
    assert "| gender: ‹b›x/y‹/b› | 30 / 60 | too few to say | 0.100 (0.050 to 0.200) |" in text
    first = good["prior"][0]
    assert f"| 0.1% | {first['ppv']:.1%} |" in text
    assert "nobody knows how it treats them" in model_card(SPEC, good, run_gate(good), tag="production")
