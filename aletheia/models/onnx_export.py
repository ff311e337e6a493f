"""From torch to ONNX, with both compared on real faces before the file is used."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.imaging.transforms import normalise
from aletheia.models.bundle import load_bundle
from aletheia.models.calibration_map import Calibration
from aletheia.models.explain_export import ExplainedNetwork
from aletheia.models.model_files import EXPLAIN, ONNX
from aletheia.models.network import last_map, with_attention, with_features
from aletheia.models.onnx_network import ENGINES, ExplainNetwork, OnnxNetwork
from aletheia.models.reduced_precision import measure_reduced, milliseconds
from aletheia.models.spec import ModelSpec, OnnxSpec, write_spec

OPSET = 17
TOLERANCE = 1e-4  # largest difference of probability, fp32 against fp32


class _Pixels(nn.Module):
    """A network with its normalisation inside: the caller passes uint8 pixels."""

    def __init__(self, net: nn.Module, spec: ModelSpec, attention: bool) -> None:
        super().__init__()
        self.net, self.spec, self.attention = net, spec, attention

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        logits, attention, features = with_features(self.net, normalise(pixels, self.spec.mean, self.spec.std))
        outputs = (logits, attention if self.attention else None, features)
        return tuple(output for output in outputs if output is not None)


def export_onnx(folder: str | Path, crops: Array) -> ModelSpec:
    """Add ``model.onnx`` to a bundle, and to its JSON the differences from torch and the faster engine.

    Beside it comes ``explain.onnx``: the same network with its attention map and Grad-CAM, for the few faces that are
    to be explained.

    ONNX Runtime has to be faster by a tenth: the face detector runs on OpenVINO already, and a second engine costs
    memory and time at the start. The differences of bf16 are measured, too, if the processor has it.

    Parameters
    ----------
    folder : path
        With ``model.safetensors`` and ``model.json``.
    crops : ndarray
        (n, size, size, 3) uint8 faces of the network's input size, n at least 1: real ones, since the differences
        depend on the input.

    Returns
    -------
    ModelSpec
        As written to ``model.json``.

    Raises
    ------
    InputError
        When there are no crops, or ONNX and torch disagree by more than 1e-4 in the probability of any of them.
    """
    folder = Path(folder)
    model, spec = load_bundle(folder)
    size = spec.input_size
    if crops.ndim != 4 or crops.shape[1:] != (size, size, 3) or crops.dtype != np.uint8 or not len(crops):
        raise InputError(f"The export needs faces of shape (n, {size}, {size}, 3), uint8, not {crops.shape}.")
    with torch.inference_mode():
        inputs = [normalise(torch.from_numpy(crop[None]), spec.mean, spec.std) for crop in crops]
        outputs = [with_attention(model, x) for x in inputs]
    attention, has_features = outputs[0][1] is not None, last_map(model) is not None
    names = ["logits", *["attention"] * attention, *["features"] * has_features]
    onnx = OnnxSpec(
        sha256=_write(folder / ONNX, _Pixels(model, spec, attention), crops[:1], names),
        opset=OPSET,
        attention=attention,
        features=has_features,
        crops=len(crops),
        max_difference=0.0,
    )
    spec = spec.model_copy(update={"onnx": onnx})
    # Between two near knots of an isotonic calibration rounding alone makes a difference; the networks are compared
    # without it.
    smooth = Calibration() if spec.calibration.knots else spec.calibration
    probabilities = smooth.probabilities(torch.cat([logits for logits, _ in outputs]).numpy())
    differences, times = {}, {}
    for engine in ENGINES:
        network = OnnxNetwork(folder, spec, engine=engine, threads=1)
        differences[engine] = float(np.abs(smooth.probabilities(network.logits(crops)) - probabilities).max())
        times[engine] = milliseconds(network, crops[:1])
    worst = max(differences, key=lambda engine: differences[engine])
    if not differences[worst] <= TOLERANCE:
        (folder / ONNX).unlink()
        raise InputError(
            f"The exported network gives other probabilities than torch: {worst} differs by {differences[worst]:.2g}, "
            f"at most {TOLERANCE:g} is accepted. Serve another architecture, or report this one with its options."
        )
    onnx = onnx.model_copy(
        update={
            "max_difference": differences[worst],
            "engine": "onnxruntime" if times["onnxruntime"] < 0.9 * times["openvino"] else "openvino",
            "milliseconds": times,
        }
    )
    onnx = _add_explanations(folder, model, spec, onnx, crops[:4])
    write_spec(folder, spec.model_copy(update={"onnx": onnx}))
    return measure_reduced(folder, crops)


def _add_explanations(folder: Path, model: nn.Module, spec: ModelSpec, onnx: OnnxSpec, crops: Array) -> OnnxSpec:
    """Write ``explain.onnx``, compare it with torch on a few faces and add its hash; nothing without a last map."""
    (folder / EXPLAIN).unlink(missing_ok=True)
    features = last_map(model)
    if features is None:
        return onnx
    network = ExplainedNetwork(model, spec, features, onnx.attention).eval()
    onnx = onnx.model_copy(update={"explain": _write(folder / EXPLAIN, network, crops[:1], network.outputs)})
    with torch.inference_mode():
        expected = network(torch.from_numpy(crops))[-1].numpy()
    _, exported = ExplainNetwork(folder, spec.model_copy(update={"onnx": onnx}), threads=1).maps(crops)
    # A map is scaled to 1, rounding with it: a difference of a tenth of the colour scale makes another map.
    if not np.abs(exported - expected).max() <= 0.1:
        (folder / EXPLAIN).unlink()
        raise InputError("The exported Grad-CAM is another than torch's. Report this architecture with its options.")
    return onnx


def _write(file: Path, network: nn.Module, example: Array, outputs: list[str]) -> str:
    """Export a network into a file and return the file's SHA-256."""
    payload = _export(network, torch.from_numpy(example), outputs)
    with atomic_write(file) as stream:
        stream.write(payload)
    return hashlib.sha256(payload).hexdigest()


def _export(network: nn.Module, example: torch.Tensor, outputs: list[str]) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The newer exporter takes nine seconds for the smallest network, this one a third of a second, with the same
        # numbers. Its warnings are about shapes that are constants of the architecture.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            (example,),
            buffer,  # type: ignore[arg-type]  # this exporter writes to streams, too
            input_names=["pixels"],
            output_names=outputs,
            dynamic_axes={name: {0: "faces"} for name in ["pixels", *outputs]},
            opset_version=OPSET,
            dynamo=False,
        )
    return buffer.getvalue()
