"""Delivery curves, against counts by hand, scikit-learn and `evaluate_scores`."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from aletheia.core.errors import InputError
from aletheia.evaluation import robustness
from aletheia.evaluation.robustness import (
    COLUMNS,
    delivery_curves,
    delivery_figure,
    deployed_network,
    score_deliveries,
)
from aletheia.imaging.corruptions import CORRUPTIONS, Corruption
from aletheia.imaging.reading import read_image
from aletheia.models.bundle import load_bundle
from aletheia.models.onnx_export import export_onnx
from aletheia.models.onnx_network import NonFiniteError
from aletheia.models.scoring import predict_crops, predict_manifest
from aletheia.stats.intervals import clustered_rate, wilson
from aletheia.stats.metrics import evaluate_scores
from aletheia.stats.scored_set import ScoredSet

SHIFTED = Corruption(
    "shifted", "Shifted", "grey levels", (-6, -18, 18),
    lambda crop, by, seed: np.clip(crop.astype(int) + int(by), 0, 255).astype(np.uint8),
)  # fmt: skip
SAME = Corruption("same", "The same", "times", (1, 2), lambda crop, times, seed: crop.copy())


def by_hand(model, image: np.ndarray) -> float:
    """Scale, normalise, forward, Platt: in plain steps."""
    x = (image / 255 - np.array((0.485, 0.456, 0.406))) / np.array((0.229, 0.224, 0.225))
    with torch.no_grad():
        logit = model(torch.tensor(x, dtype=torch.float32).permute(2, 0, 1)[None]).item()
    return 1 / (1 + np.exp(-(2.0 * logit + 0.5)))


def curves(bundle, frame, operations, **options):
    groups = options.pop("groups", frame["identity"].to_numpy())
    return delivery_curves(*load_bundle(bundle), frame, groups, operations=operations, progress=False, **options)


def test_delivery_curves_flips_by_hand(brightness_bundle, crops):
    model, spec = load_bundle(brightness_bundle)
    frame = crops[1]
    y = (frame["label"] == "fake").to_numpy()
    images = [read_image(path).astype(int) for path in frame["path"]]
    p = {by: np.array([by_hand(model, np.clip(image + by, 0, 255)) for image in images]) for by in (0, -6, -18, 18)}
    table = curves(brightness_bundle, frame, [SHIFTED])
    assert list(table.columns) == list(COLUMNS) and table["severity"].tolist() == [0, -6, -18, 18]
    assert set(table["operation"]) == {"shifted"} and set(table["unit"]) == {"grey levels"} and set(table["n"]) == {120}
    for row in table.itertuples():
        before, after = p[0] >= spec.threshold, p[row.severity] >= spec.threshold
        assert row.auc == pytest.approx(roc_auc_score(y, p[row.severity]), abs=1e-12)
        assert row.flipped == np.mean(before != after)
        assert row.to_fake == sum(a and not b for a, b, f in zip(after, before, y, strict=True) if not f) / 30
        assert row.to_real == sum(b and not a for a, b, f in zip(after, before, y, strict=True) if f) / 90
        rate = clustered_rate(before != after, frame["identity"].to_numpy())
        assert (row.flipped_low, row.flipped_high) == ((rate.low, rate.high) if row.severity else (0, 0))
    assert table["flipped"].iloc[0] == 0 < table["to_real"].iloc[1] < table["to_real"].iloc[2]
    assert table["to_fake"].iloc[3] > 0


def test_delivery_curves_auc_matches_scikit_learn(brightness_bundle, crops):
    model, spec = load_bundle(brightness_bundle)
    frame, y = crops[1], crops[1]["label"] == "fake"
    images = [read_image(path) for path in frame["path"]]
    table = curves(brightness_bundle, frame, None, seed=3)
    assert table["operation"].unique().tolist() == list(CORRUPTIONS)
    for row in table.itertuples():
        delivered = np.stack([CORRUPTIONS[row.operation](image, row.severity, 3) for image in images])
        assert row.auc == pytest.approx(roc_auc_score(y, predict_crops(model, spec, delivered)), abs=1e-9)
    assert table["auc"].nunique() > 10


def test_delivery_curves_intervals_match_evaluate_scores(brightness_bundle, crops):
    frame = crops[1]
    p = predict_manifest(*load_bundle(brightness_bundle), frame, progress=False)
    table = curves(brightness_bundle, frame, [SAME], seed=5)
    y = (frame["label"] == "fake").to_numpy().astype(int)
    expected = evaluate_scores(ScoredSet(y, p, 0.6, frame["identity"], 5), replicates=500)["auc"]
    # What changes nothing has the same interval at every severity: the replicates are the same.
    for row in table.itertuples():
        assert (row.auc, row.auc_low, row.auc_high) == (expected.value, expected.low, expected.high)
        assert (row.flipped, row.to_fake, row.to_real) == (0, 0, 0)


def test_score_deliveries_unchanged_faces(brightness_bundle, crops):
    network, spec = load_bundle(brightness_bundle)
    paths = crops[1]["path"].tolist()
    p, skipped = score_deliveries(network, spec, paths, [(SAME, 1), (SHIFTED, 0), (SHIFTED, -6)], progress=False)
    plain = predict_manifest(network, spec, crops[1], progress=False)
    np.testing.assert_array_equal(p[:3], np.stack([plain] * 3))
    assert (p[3] < plain).all() and not skipped


def test_exported_network_scores_in_torchs_place(brightness_bundle, crops, tmp_path, monkeypatch):
    """To rounding, and torch is asked only for what the exported network refuses."""
    folder = shutil.copytree(brightness_bundle, tmp_path / "bundle")
    export_onnx(folder, np.stack([read_image(path) for path in crops[1]["path"][:8]]))
    network, spec = load_bundle(folder)
    paths, steps = crops[1]["path"].tolist()[:20], [(SHIFTED, -6), (SHIFTED, 18)]
    expected, _ = score_deliveries(network, spec, paths, steps, progress=False)
    asked: list[int] = []

    def by_torch(*arguments):
        asked.append(len(arguments[2]))
        return predict_crops(*arguments)

    monkeypatch.setattr(robustness, "predict_crops", by_torch)
    exported = deployed_network(folder / "model.json", spec, network)
    p, skipped = score_deliveries(network, spec, paths, steps, exported=exported, progress=False)
    np.testing.assert_allclose(p, expected, atol=1e-4)
    assert not asked and not skipped

    def refuse(pixels):
        raise NonFiniteError("no number")

    monkeypatch.setattr(exported, "logits", refuse)
    p, _ = score_deliveries(network, spec, paths, steps, exported=exported, progress=False)
    np.testing.assert_array_equal(p, expected)
    assert asked == [20, 20, 20]
    assert deployed_network(brightness_bundle, load_bundle(brightness_bundle)[1], network) is None


def test_delivery_curves_perfect_ranking_interval(brightness_bundle, crops):
    frame = crops[1]
    p, fake = predict_manifest(*load_bundle(brightness_bundle), frame, progress=False), frame["label"] == "fake"
    apart = frame[np.where(fake, p > np.median(p), p < np.median(p))]
    row = curves(brightness_bundle, apart, [SAME]).iloc[0]
    units = min(apart["identity"][apart["label"] == label].nunique() for label in ("real", "fake"))
    assert (row.auc, row.auc_low, row.auc_high) == (1.0, *wilson(units, units))


def test_delivery_curves_seed_and_row_order(brightness_bundle, crops):
    names = ["screenshot", "noise"]
    first = curves(brightness_bundle, crops[1], names, seed=1)
    pd.testing.assert_frame_equal(first, curves(brightness_bundle, crops[1], names, seed=1))
    shuffled = crops[1].sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(first, curves(brightness_bundle, shuffled, names, seed=1))
    assert not first["flipped"].equals(curves(brightness_bundle, crops[1], names, seed=2)["flipped"])


def test_delivery_curves_unreadable_files(brightness_bundle, crops, tmp_path):
    frame = crops[1].copy()
    (tmp_path / "cut.png").write_bytes(b"\x89PNG")
    for row, name in ((1, "cut.png"), (70, "missing.png")):
        frame.iloc[row, frame.columns.get_loc("path")] = str(tmp_path / name)
    table = curves(brightness_bundle, frame, ["screenshot"])
    whole = curves(brightness_bundle, frame.drop(index=[1, 70]), ["screenshot"])
    pd.testing.assert_frame_equal(table, whole)
    assert set(table["n"]) == {118} and table.attrs["unreadable"] == 2 and table.attrs["faces"] == 120
    assert [row["path"] for row in table.attrs["skipped"]] == [str(tmp_path / n) for n in ("cut.png", "missing.png")]
    assert all(row["reason"] for row in table.attrs["skipped"])
    assert table.attrs["note"] == "120 faces; 2 could not be scored and are left out."
    json.dumps(table.attrs)


def test_delivery_curves_draws_whole_groups(brightness_bundle, crops):
    frame = crops[1]
    identities = {read_image(row.path).tobytes(): row.identity for row in frame.itertuples()}

    def drawn(**options):
        delivered = []
        noted = Corruption("noted", "", "", (1,), lambda crop, _, seed: (delivered.append(crop.tobytes()), crop)[1])
        return curves(brightness_bundle, frame, [noted], **options), pd.Series([identities[crop] for crop in delivered])

    table, people = drawn(max_faces=50, seed=4)
    assert set(table["n"]) == {50} and people.nunique() < 24  # of each person nearly everything, of some nothing
    assert table.attrs["note"] == "50 of 120 faces, drawn at random by groups (seed 4)."
    assert set(drawn(max_faces=50, seed=4)[1]) == set(people) != set(drawn(max_faces=50, seed=5)[1])
    assert drawn(max_faces=120)[0].attrs["note"] == "120 faces."
    alone = drawn(max_faces=50, groups=None)[0]
    assert set(alone["n"]) == {50}


def test_delivery_curves_reads_lazily(brightness_bundle, crops, tmp_path):
    frame = crops[1].copy()
    frame["path"] = [shutil.copy(path, tmp_path) for path in frame["path"]]
    last = tmp_path / frame["path"].iloc[-1]
    remove = Corruption("remove", "", "", (1,), lambda crop, _, seed: (last.unlink(missing_ok=True), crop)[1])
    assert curves(brightness_bundle, frame, [remove]).attrs["unreadable"] == 1


def test_delivery_curves_chunk_size(brightness_bundle, crops, monkeypatch):
    network, spec = load_bundle(brightness_bundle)
    sizes = []
    network.register_forward_hook(lambda module, inputs, output: sizes.append(len(inputs[0])))
    options = {"groups": crops[1]["identity"].to_numpy(), "operations": ["screenshot"], "progress": False}
    whole = delivery_curves(network, spec, crops[1], **options)
    assert set(sizes) == {64, 56}
    sizes.clear()
    monkeypatch.setattr(robustness, "_CHUNK_BYTES", 5 * 32 * 32 * 3 * 7)  # seven faces in five versions
    pd.testing.assert_frame_equal(delivery_curves(network, spec, crops[1], **options), whole)
    assert set(sizes) == {7, 1}


def test_delivery_curves_one_class(brightness_bundle, crops):
    table = curves(brightness_bundle, crops[1][crops[1]["label"] == "fake"], [SHIFTED])
    assert table[["auc", "auc_low", "auc_high", "to_fake"]].isna().all(axis=None)
    assert table["to_real"].iloc[2] == table["flipped"].iloc[2] > 0
    delivery_figure(table).to_json()


def test_delivery_curves_invalid(brightness_bundle, crops, tmp_path):
    with pytest.raises(InputError, match="rows"):
        curves(brightness_bundle, crops[1].iloc[:0], [SAME])
    with pytest.raises(InputError, match=r"'smear'.*jpeg, scale, blur, noise, crop, screenshot"):
        curves(brightness_bundle, crops[1], ["smear"])
    with pytest.raises(InputError, match="3 groups for 120 rows"):
        curves(brightness_bundle, crops[1], [SAME], groups=["a", "b", "c"])
    with pytest.raises(InputError, match="None of the 120 faces"):
        curves(brightness_bundle, crops[1].assign(path=str(tmp_path / "gone.png")), [SAME])


def test_delivery_figure_panels(brightness_bundle, crops):
    odd = Corruption("<b>odd", "", "a < b", (1,), SHIFTED.change)
    table = curves(brightness_bundle, crops[1], ["jpeg", "blur", SHIFTED, odd], max_faces=60)
    figure = delivery_figure(table)
    titles = [a.text for a in figure.layout.annotations]
    assert titles[:4] == ["JPEG compression", "Gaussian blur", "shifted", "&lt;b&gt;odd"]
    assert (
        table.attrs["note"] == figure.layout.title.subtitle.text.replace("<br>", " ")
        and figure.layout.xaxis4.title.text == "a &lt; b"
    )
    lines = [trace for trace in figure.data if trace.name]
    assert len(lines) == 8 and sum(bool(trace.showlegend) for trace in lines) == 2
    assert list(lines[0].x) == ["as is", "95", "90", "80", "70", "60", "50", "40", "30"]
    part = table[table["operation"] == "jpeg"]
    np.testing.assert_array_equal(lines[0].y, part["auc"])
    np.testing.assert_array_equal(lines[1].y, part["flipped"])
    shifted = table.loc[table["operation"] == "shifted", ["to_fake", "to_real"]]
    assert (shifted["to_real"] != shifted["to_fake"]).any()
    np.testing.assert_array_equal(lines[5].customdata, shifted)
    edges = [trace for trace in figure.data if not trace.name][:4]
    for trace, name in zip(edges, ("auc_low", "auc_high", "flipped_low", "flipped_high"), strict=True):
        np.testing.assert_array_equal(trace.y, part[name])
    assert "No operation" in delivery_figure(curves(brightness_bundle, crops[1], [])).layout.annotations[0].text
