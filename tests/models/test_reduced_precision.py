"""Reduced precisions: measured against fp32, and not offered otherwise."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from aletheia.core.errors import InputError
from aletheia.core.openvino import supported_precisions
from aletheia.imaging.transforms import normalise
from aletheia.models import reduced_precision
from aletheia.models.bundle import load_bundle, save_bundle
from aletheia.models.inspect import inspect_model
from aletheia.models.onnx_export import export_onnx
from aletheia.models.onnx_network import OnnxNetwork
from aletheia.models.reduced_precision import add_int8, measure_reduced
from aletheia.models.registry import create_model
from aletheia.models.spec import ModelSpec, read_spec, write_spec
from aletheia.release.bundle import release_bundle
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.training.batch_norm import measure_batch_norm

SIZE = 64
has_bf16 = pytest.mark.skipif("bf16" not in supported_precisions(), reason="this processor has no bf16")


@pytest.fixture(scope="module")
def faces():
    coarse = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
    return coarse.repeat(SIZE // 8, axis=1).repeat(SIZE // 8, axis=2)


@pytest.fixture(scope="module")
def exported(tmp_path_factory, faces):
    """A network whose verdicts are spread, with the threshold in their middle: some must turn."""
    folder = tmp_path_factory.mktemp("exported")
    torch.manual_seed(1)
    model = create_model("attention_cnn")
    spec = ModelSpec(architecture="attention_cnn", input_size=SIZE)
    inputs = normalise(torch.from_numpy(faces), spec.mean, spec.std)
    measure_batch_norm(model, [inputs])
    with torch.inference_mode():
        logits = model.eval()(inputs)
    spread = spec.calibration.model_copy(update={"method": "platt", "scale": float(3 / logits.std())})
    spread = spread.model_copy(update={"shift": float(-spread.scale * logits.median())})
    save_bundle(folder, model, spec.model_copy(update={"calibration": spread}))
    export_onnx(folder, faces)
    return folder


@pytest.fixture
def copy(exported, tmp_path):
    shutil.copytree(exported, tmp_path / "model")
    return tmp_path / "model"


def from_torch(folder, faces):
    model, spec = load_bundle(folder)
    with torch.inference_mode():
        return spec.calibration.probabilities(model(normalise(torch.from_numpy(faces), spec.mean, spec.std)).numpy())


@has_bf16
def test_measure_reduced_bf16_at_export(exported, faces):
    spec = read_spec(exported)
    cost = spec.onnx.reduced["bf16"]
    p = from_torch(exported, faces)
    q = spec.calibration.probabilities(OnnxNetwork(exported, spec, precision="bf16").logits(faces))
    assert cost.faces == len(faces)
    assert cost.max_difference == pytest.approx(np.abs(p - q).max(), abs=2e-3)
    assert cost.max_difference > 1e-4  # it does compute in bf16
    assert cost.flip_rate == pytest.approx(np.mean((p >= 0.5) != (q >= 0.5)), abs=0.026)


def test_add_int8_measures_on_held_out_faces(copy, faces, monkeypatch):
    calibrated_on = []
    quantised = reduced_precision._quantised

    def record(file, crops):
        calibrated_on.append(crops)
        return quantised(file, crops)

    monkeypatch.setattr(reduced_precision, "_quantised", record)
    spec = add_int8(copy, faces)
    assert spec == read_spec(copy)
    cost = spec.onnx.reduced["int8"]
    np.testing.assert_array_equal(calibrated_on[0], faces[::2])
    p = from_torch(copy, faces[1::2])
    q = spec.calibration.probabilities(OnnxNetwork(copy, spec, precision="int8").logits(faces[1::2]))
    assert cost.faces == 20
    assert cost.max_difference == pytest.approx(np.abs(p - q).max(), abs=2e-3)
    assert cost.flip_rate == pytest.approx(np.mean((p >= 0.5) != (q >= 0.5)), abs=0.051)
    assert cost.max_difference > 1e-4
    assert np.corrcoef(p, q)[0, 1] > 0.9  # it is the same network still
    assert (copy / "model.int8.onnx").stat().st_size < 0.7 * (copy / "model.onnx").stat().st_size
    assert {"bf16", "int8"} & set(spec.onnx.reduced) == {*supported_precisions(), "int8"} - {"f32"}
    assert inspect_model(copy).architecture == "attention_cnn"


def test_onnx_network_unmeasured_precision(copy):
    spec = read_spec(copy)
    for precision in ("int8", "f16", "bf16"):
        without = spec.model_copy(update={"onnx": spec.onnx.model_copy(update={"reduced": {}})})
        with pytest.raises(InputError, match="was not measured"):
            OnnxNetwork(copy, without, precision=precision)


def test_measure_reduced_without_bf16(copy, faces, monkeypatch):
    spec = read_spec(copy)
    write_spec(copy, spec.model_copy(update={"onnx": spec.onnx.model_copy(update={"reduced": {}})}))
    monkeypatch.setattr(reduced_precision, "supported_precisions", lambda: ("f32",))
    assert measure_reduced(copy, faces).onnx.reduced == {}


def test_onnx_network_replaced_int8_file(copy, faces):
    spec = add_int8(copy, faces)
    (copy / "model.int8.onnx").write_bytes((copy / "model.onnx").read_bytes())
    with pytest.raises(InputError, match="damaged or was replaced"):
        OnnxNetwork(copy, spec, precision="int8")
    with pytest.raises(InputError, match="runs on openvino"):
        OnnxNetwork(copy, spec, precision="int8", engine="onnxruntime")


def test_add_int8_too_few_faces(copy, faces):
    with pytest.raises(InputError, match="at least four faces"):
        add_int8(copy, faces[:3])
    spec = read_spec(copy)
    write_spec(copy, spec.model_copy(update={"onnx": None}))
    with pytest.raises(InputError, match="models export"):
        add_int8(copy, faces)


def test_release_bundle_keeps_int8(copy, faces, good, tmp_path):
    spec = add_int8(copy, faces)
    evaluation = EvaluationReport.parse({**good, "weights_sha256": spec.weights_sha256})
    folder, released = release_bundle(copy, evaluation, [], tmp_path / "released")
    assert released.onnx == spec.onnx
    assert OnnxNetwork(folder, released, precision="int8").logits(faces[:2]).shape == (2,)
