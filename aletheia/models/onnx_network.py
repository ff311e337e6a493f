"""Exported networks on ONNX Runtime or OpenVINO. Imports no torch: a process that only predicts starts fast.

``model.onnx`` and ``explain.onnx`` may come from an untrusted source: each is opened only if it has the hash that
``model.json`` names, and never if it refers to other files. An engine is given the very bytes that were hashed, even if
the file is written to meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.device import CPU, CUDA_PROVIDER
from aletheia.core.device import ENGINES as GPU_ENGINES
from aletheia.core.errors import InputError
from aletheia.models.model_files import EXPLAIN, INT8, MAX_WEIGHTS_BYTES, ONNX, check_hash, check_model_file
from aletheia.models.onnx_content import check_self_contained
from aletheia.models.spec import ModelSpec

ENGINES = ("onnxruntime", "openvino")
Check = Callable[[bytes], None]
Run = Callable[[Array], list[Array]]


class NonFiniteError(InputError):
    """The network's output is infinite or not a number, so neither real nor fake."""

    kind = "model_failed"


class OnnxNetwork:
    """The network of a model bundle, ready to score faces. May be shared by threads.

    Parameters
    ----------
    folder : path
        Of the bundle.
    spec : ModelSpec
        Its description.
    engine : {'onnxruntime', 'openvino'}, optional
        By default the one that was faster when the network was exported; a GPU has its own.
    threads : int
        CPU threads for one call; 0 takes all cores. Under load one thread a request has the highest throughput.
    precision : {'f32', 'bf16', 'int8'}
        The latter two are faster, run on OpenVINO, and are available if `aletheia.models.reduced_precision` measured
        their differences from f32.
    device : {'cpu', 'cuda', 'gpu'}
        Of `aletheia.core.device`; a GPU computes in f32.

    Raises
    ------
    InputError
        When the bundle has no ``model.onnx``, or the file is damaged, another one, or not self-contained; when the
        precision was not measured for this model, or this processor or device does not support it.
    """

    def __init__(
        self,
        folder: str | Path,
        spec: ModelSpec,
        *,
        engine: str | None = None,
        threads: int = 0,
        precision: str = "f32",
        device: str = CPU,
    ) -> None:
        if spec.onnx is None:
            raise InputError(f"{folder} has no {ONNX}. Add it: aletheia models export {folder}")
        if precision != "f32" and precision not in spec.onnx.reduced:
            offered = ", ".join(["f32", *spec.onnx.reduced])
            raise InputError(
                f"{folder} does not offer the precision {precision!r} (it has {offered}): its loss of accuracy was not "
                f"measured. Measure it: aletheia models export {folder} --faces FOLDER"
                + (" --int8" if precision == "int8" else "")
            )
        if device != CPU and precision != "f32":
            raise InputError(f"The precision {precision} was measured on the processor; on {device} choose f32.")
        engine = engine or GPU_ENGINES.get(device) or ("openvino" if precision != "f32" else spec.onnx.engine)
        if engine not in ENGINES:
            raise InputError(f"There is no engine {engine!r}; choose {' or '.join(ENGINES)}.")
        self.spec, self.engine = spec, engine
        if precision != "f32" and engine != "openvino":
            raise InputError(f"The precision {precision} runs on openvino, not on {engine}.")
        quantised = precision == "int8"
        file = Path(folder) / (INT8 if quantised else ONNX)
        sha256 = spec.onnx.reduced["int8"].sha256 if quantised else spec.onnx.sha256
        self._names = ["logits", *["attention"] * spec.onnx.attention, *["features"] * spec.onnx.features]
        self._run = _open(file, sha256, spec, self._names, engine, threads, "f32" if quantised else precision, device)

    def logits(self, pixels: Array) -> Array:
        """Compute the logits of faces, positive meaning fake.

        Parameters
        ----------
        pixels : ndarray
            (n, size, size, 3) uint8 RGB with the network's input size.

        Returns
        -------
        ndarray
            (n,) float32, finite.

        Raises
        ------
        NonFiniteError
            When the logit of a face is infinite or not a number.
        """
        return self.evaluate(pixels)[0]

    def evaluate(self, pixels: Array) -> tuple[Array, Array | None]:
        """Compute the logits of faces as in `logits`, and features (n, k); None for a network that gives none."""
        if not len(pixels):
            return np.zeros(0, np.float32), None
        outputs = dict(zip(self._names, self._run(_check_pixels(pixels, self.spec)), strict=True))
        logits = outputs["logits"]
        if not np.isfinite(logits).all():
            raise NonFiniteError(
                "The model gives no number for this face: its weights are damaged, or its precision is too low for "
                "them. Use another version of the model, or the precision f32."
            )
        return logits, outputs.get("features")

    def attention(self, pixels: Array) -> Array | None:
        """Compute attention maps (n, h, w) in [0, 1] of faces as in `logits`; None for a network without any."""
        outputs = dict(zip(self._names, self._run(_check_pixels(pixels, self.spec)), strict=True))
        return outputs["attention"][:, 0] if "attention" in outputs else None


class ExplainNetwork:
    """The network of a model bundle with its attention map and Grad-CAM. May be shared by threads.

    Parameters
    ----------
    folder : path
        Of the bundle.
    spec : ModelSpec
        Its description.
    threads : int
        CPU threads for one call; 0 takes all cores.

    Raises
    ------
    InputError
        When the bundle has no ``explain.onnx``, or the file is damaged, another one, or not self-contained.
    """

    def __init__(self, folder: str | Path, spec: ModelSpec, *, threads: int = 0) -> None:
        if spec.onnx is None or not spec.onnx.explain:
            raise InputError(f"{folder} has no {EXPLAIN}. Add it: aletheia models export {folder}")
        self.spec = spec
        self._names = ["logits", *["attention"] * spec.onnx.attention, "cam"]
        # The engine of the predictor is loaded already.
        self._run = _open(
            Path(folder) / EXPLAIN, spec.onnx.explain, spec, self._names, spec.onnx.engine, threads, "f32"
        )

    def maps(self, pixels: Array) -> tuple[Array | None, Array]:
        """Compute attention (n, h, w), None for a network without, and Grad-CAM (n, h', w') of faces, both in [0, 1].

        ``pixels`` is (n, size, size, 3) uint8 RGB with the network's input size, n at least 1.
        """
        outputs = dict(zip(self._names, self._run(_check_pixels(pixels, self.spec)), strict=True))
        return (outputs["attention"][:, 0] if "attention" in outputs else None), outputs["cam"]


def _check_pixels(pixels: Array, spec: ModelSpec) -> Array:
    size = spec.input_size
    if pixels.ndim != 4 or pixels.shape[1:] != (size, size, 3) or pixels.dtype != np.uint8:
        raise InputError(f"Faces must be (n, {size}, {size}, 3) uint8, not {pixels.shape} {pixels.dtype}.")
    return np.ascontiguousarray(pixels)


def _open(
    file: Path,
    sha256: str,
    spec: ModelSpec,
    outputs: list[str],
    engine: str,
    threads: int,
    precision: str,
    device: str = CPU,
) -> Run:
    """Check the hash, the content and the outputs for one face of a graph in a file, and return it ready to run."""
    check_model_file(file, MAX_WEIGHTS_BYTES)

    def check(content: bytes) -> None:
        check_hash(file, sha256, content)
        check_self_contained(content, file)

    try:
        if engine == "onnxruntime":
            run = _onnxruntime(file, check, threads, outputs, device)
        else:
            run = _openvino(file, sha256, check, threads, outputs, precision, device)
        trial = run(np.zeros((1, spec.input_size, spec.input_size, 3), np.uint8))
    except InputError:
        raise
    except Exception as error:  # an engine raises anything on a graph that was tampered with
        first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"{file} cannot be run by {engine}: {first}") from None
    dimensions = {"logits": 1, "attention": 4, "cam": 3, "features": 2}
    shapes = [output.shape for output in trial]
    fits = [len(shape) == dimensions[name] and shape[0] == 1 for name, shape in zip(outputs, shapes, strict=True)]
    if not all(fits) or ("attention" in outputs and shapes[outputs.index("attention")][1] != 1):
        raise InputError(f"{file} gives outputs of shapes {shapes}, which are no logits; it is no detector.")
    return run


def _onnxruntime(file: Path, check: Check, threads: int, outputs: list[str], device: str) -> Run:
    def read_checked() -> bytes:
        content = file.read_bytes()
        check(content)
        return content

    # Else it reports to its maker which networks are opened, from its import on; a switch in Python comes too late.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_checked)  # while the engine is imported
        import onnxruntime

        content = reading.result()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # TF32 would round the factors of each product to ten bits.
    gpu = [] if device == CPU else [(CUDA_PROVIDER, {"use_tf32": 0})]
    session = onnxruntime.InferenceSession(content, options, providers=[*gpu, "CPUExecutionProvider"])
    if gpu and session.get_providers()[0] != CUDA_PROVIDER:
        raise InputError("ONNX Runtime lists CUDA but cannot start it: libraries are missing. Use --device cpu.")

    def run(pixels: Array) -> list[Array]:
        return list(session.run(outputs, {"pixels": pixels}))

    return run


def _openvino(
    file: Path, sha256: str, check: Check, threads: int, outputs: list[str], precision: str, device: str
) -> Run:
    from aletheia.core.openvino import Network

    with ThreadPoolExecutor(1) as pool:
        # A network that was compiled from this content before is loaded from the cache without opening the file; it
        # may be another one by now, which has to be reported all the same.
        checking = pool.submit(check_hash, file, sha256)
        network = Network(file, sha256, threads=threads, precision=precision, check=check, device=device.upper())
        checking.result()
    order = [network.outputs.index(name) for name in outputs]

    def run(pixels: Array) -> list[Array]:
        results = [network(pixels[k : k + 1]) for k in range(len(pixels))]
        return [np.concatenate([result[k] for result in results]) for k in order]

    return run
