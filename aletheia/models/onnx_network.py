"""Running an exported network on ONNX Runtime or OpenVINO. Imports no torch: a process that only answers starts fast.

``model.onnx`` may come from strangers: it is opened only when it is the file that ``model.json`` names by its hash,
and never when it points at other files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aletheia.errors import InputError
from aletheia.models.spec import MAX_WEIGHTS_BYTES, ONNX, ModelSpec, check_hash, check_model_file

ENGINES = ("onnxruntime", "openvino")


class OnnxNetwork:
    """The network of a model bundle, ready to score faces. May be shared by threads.

    Parameters
    ----------
    folder : path
        Of the bundle.
    spec : ModelSpec
        Its description.
    engine : {'onnxruntime', 'openvino'}, optional
        By default the one that was faster when the network was exported.
    threads : int
        CPU threads for one call; 0 takes all cores. Under load one thread a request gives the most answers.

    Raises
    ------
    InputError
        When the bundle has no ``model.onnx``, or the file is damaged, another one, or not self-contained.
    """

    def __init__(self, folder: str | Path, spec: ModelSpec, *, engine: str | None = None, threads: int = 0) -> None:
        if spec.onnx is None:
            raise InputError(f"{folder} has no {ONNX}. Add it: aletheia models export {folder}")
        engine = engine or spec.onnx.engine
        if engine not in ENGINES:
            raise InputError(f"There is no engine {engine!r}; choose {' or '.join(ENGINES)}.")
        self.spec, self.engine = spec, engine
        file = Path(folder) / ONNX
        check_model_file(file, MAX_WEIGHTS_BYTES)
        check_hash(file, spec.onnx.sha256)
        content = file.read_bytes()
        _check_self_contained(content, file)
        outputs = ["logits", "attention"] if spec.onnx.attention else ["logits"]
        try:
            start = _onnxruntime if engine == "onnxruntime" else _openvino
            self._run = start(content, threads, outputs)
            shapes = [part.shape for part in self._run(np.zeros((1, spec.input_size, spec.input_size, 3), np.uint8))]
        except Exception as error:  # whatever an engine makes of a graph that somebody else drew
            first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise InputError(f"{file} cannot be run by {engine}: {first}") from None
        if shapes[0] != (1,) or (spec.onnx.attention and (len(shapes[1]) != 4 or shapes[1][:2] != (1, 1))):
            raise InputError(f"{file} gives outputs of shapes {shapes}, which are no logits; it is no detector.")

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Logits of faces, positive meaning fake.

        Parameters
        ----------
        pixels : ndarray
            (n, size, size, 3) uint8 RGB with the network's input size.

        Returns
        -------
        ndarray
            (n,) float32.
        """
        return self._run(self._checked(pixels))[0] if len(pixels) else np.zeros(0, np.float32)

    def attention(self, pixels: np.ndarray) -> np.ndarray | None:
        """Attention maps (n, h, w) in [0, 1] of faces as in `logits`; None for a network without."""
        outputs = self._run(self._checked(pixels))
        return outputs[1][:, 0] if len(outputs) > 1 else None

    def _checked(self, pixels: np.ndarray) -> np.ndarray:
        size = self.spec.input_size
        if pixels.ndim != 4 or pixels.shape[1:] != (size, size, 3) or pixels.dtype != np.uint8:
            raise InputError(f"Faces must be (n, {size}, {size}, 3) uint8, not {pixels.shape} {pixels.dtype}.")
        return np.ascontiguousarray(pixels)


def _check_self_contained(content: bytes, file: Path) -> None:
    """Refuse weights in other files and operators outside of the standard, before an engine sees the graph.

    Reads the outermost fields of the message itself: the package onnx would take longer to import than the network to
    load. Weights elsewhere are named by an entry whose key is "location"; without these letters there are none.
    """
    try:
        fields = list(_fields(content))
        domains = [bytes(value) for number, value in fields if number == 8 for key, value in _fields(value) if key == 1]
    except (IndexError, ValueError):
        raise InputError(f"{file} is no intact ONNX file.") from None
    if b"location" in content:
        raise InputError(f"{file} points at other files for its weights; it is not opened.")
    if any(number == 25 for number, _ in fields) or set(domains) - {b"", b"ai.onnx"}:
        raise InputError(f"{file} uses operators outside of the ONNX standard; it is not opened.")


def _fields(message: bytes | memoryview) -> Iterator[tuple[int, memoryview]]:
    """Numbers and contents of a protobuf message's own fields (encoding: protobuf.dev/programming-guides/encoding).

    Of opset_import (8) field 1 is the domain; functions are 25.
    """
    view, position = memoryview(message), 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = view[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("no varint")

    while position < len(view):
        key = varint()
        kind, start = key & 7, position
        if kind == 0:
            varint()
        elif kind == 2:
            length = varint()
            start = position
            position += length
        elif kind in (1, 5):
            position += 8 if kind == 1 else 4
        else:
            raise ValueError("no field")
        if position > len(view):
            raise ValueError("truncated")
        yield key >> 3, view[start:position]


def _onnxruntime(content: bytes, threads: int, outputs: list[str]) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(outputs, {"pixels": pixels})


def _openvino(content: bytes, threads: int, outputs: list[str]) -> Any:
    import openvino

    # Some processors would compute in bf16 unasked.
    options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(content, b""), "CPU", options)

    def run(pixels: np.ndarray) -> list[np.ndarray]:
        # A request of its own for each call: threads may share the network.
        found = compiled.create_infer_request().infer({"pixels": pixels})
        return [np.array(found[name]) for name in outputs]

    return run
