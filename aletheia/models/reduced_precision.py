"""Reduced precisions of the exported network, each offered only with its differences from fp32 measured on faces.

bf16 keeps the file and computes in 16 bits, if the processor has instructions for it. int8 is a file of its own:
weights and activations of the convolutions in 8 bits, their ranges taken from faces (static quantisation, Jacob et al.,
CVPR 2018).
"""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.core.openvino import supported_precisions
from aletheia.models.model_files import INT8, ONNX
from aletheia.models.onnx_network import OnnxNetwork
from aletheia.models.spec import ModelSpec, ReducedSpec, read_spec, write_spec


def measure_reduced(folder: str | Path, crops: Array) -> ModelSpec:
    """Measure the differences of bf16 and write them into the bundle's JSON; nothing if the processor has no bf16.

    Parameters
    ----------
    folder : path
        A bundle with ``model.onnx``.
    crops : ndarray
        (n, size, size, 3) uint8 faces.

    Returns
    -------
    ModelSpec
        As it now stands in ``model.json``.
    """
    spec = read_spec(folder)
    return _add_measured(folder, spec, "bf16", crops) if "bf16" in supported_precisions() else spec


def add_int8(folder: str | Path, crops: Array) -> ModelSpec:
    """Add ``model.int8.onnx`` to a bundle: every second face sets the ranges, on the others it is compared with fp32.

    Raises
    ------
    InputError
        When the bundle has no ``model.onnx``, or there are fewer than four faces.
    """
    spec = read_spec(folder)
    if spec.onnx is None:
        raise InputError(f"{folder} has no {ONNX}. Add it: aletheia models export {folder}")
    if len(crops) < 4:
        raise InputError(f"int8 needs at least four faces to learn from and to be measured on, not {len(crops)}.")
    payload = _quantised(Path(folder) / ONNX, crops[::2])
    with atomic_write(Path(folder) / INT8) as file:
        file.write(payload)
    return _add_measured(folder, spec, "int8", crops[1::2], hashlib.sha256(payload).hexdigest())


def milliseconds(network: OnnxNetwork, crop: Array, repeats: int = 7) -> float:
    """Measure the median time of one face (1, size, size, 3)."""
    network.logits(crop)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        network.logits(crop)
        times.append(1000 * (time.perf_counter() - started))
    return round(statistics.median(times), 3)


def _add_measured(folder: str | Path, spec: ModelSpec, precision: str, crops: Array, sha256: str = "") -> ModelSpec:
    """Compare a precision with fp32 and write the result into the bundle's JSON."""
    # A precision is offered only if it was measured; to be measured, it has to be offered for a moment.
    placeholder = ReducedSpec(faces=len(crops), max_difference=1, flip_rate=1, speedup=1, sha256=sha256)
    spec = _with_precision(spec, precision, placeholder)
    exact = OnnxNetwork(folder, spec, engine="openvino", threads=1)
    reduced = OnnxNetwork(folder, spec, threads=1, precision=precision)
    p, q = (spec.calibration.probabilities(network.logits(crops)) for network in (exact, reduced))
    measured = placeholder.model_copy(
        update={
            "max_difference": float(np.abs(p - q).max()),
            "flip_rate": float(np.mean((p >= spec.threshold) != (q >= spec.threshold))),
            "speedup": round(milliseconds(exact, crops[:1]) / milliseconds(reduced, crops[:1]), 3),
        }
    )
    spec = _with_precision(spec, precision, measured)
    write_spec(folder, spec)
    return spec


def _with_precision(spec: ModelSpec, precision: str, reduced: ReducedSpec) -> ModelSpec:
    if spec.onnx is None:
        return spec
    onnx = spec.onnx.model_copy(update={"reduced": {**spec.onnx.reduced, precision: reduced}})
    return spec.model_copy(update={"onnx": onnx})


def _quantised(file: Path, crops: Array) -> bytes:
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Faces(quantization.CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self._crops: Iterator[Array] = iter(crops)

        def get_next(self) -> dict[str, Any] | None:
            crop = next(self._crops, None)
            return None if crop is None else {"pixels": crop[None]}

    with tempfile.TemporaryDirectory() as folder:
        prepared, out = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(file, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            out,
            Faces(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
            per_channel=True,
            # Weights of 7 bits: processors without VNNI add two products in 16 bits, where 8 bits overflow.
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
        model = onnx.load(out)
    # The quantiser declares a domain of operators that it did not use; `OnnxNetwork` opens no file that declares one.
    used = {node.domain for node in model.graph.node}
    for entry in [entry for entry in model.opset_import if entry.domain and entry.domain not in used]:
        model.opset_import.remove(entry)
    return bytes(model.SerializeToString())
