"""Networks on OpenVINO: started fast, shared by threads, computing in fp32 unless told otherwise.

Reading a network and fitting it to the processor takes longer than a hundred answers of a small one. What came out of
it is kept in the user's cache folder, so that the next process starts in a fraction of the time.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.cores import cores
from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.core.settings import get_settings

PRECISIONS = ("f32", "bf16")
#: What the cache may hold; beyond it, what was used longest ago goes.
CACHE_BYTES = 1_000_000_000
_lock = threading.Lock()


class Network:
    """A network on the processor that takes one picture at a time. May be shared by threads.

    Batches gain nothing on a processor; a graph of fixed shape is a tenth faster.

    Parameters
    ----------
    file : Path
        An .onnx or .tflite file.
    sha256 : str
        Of the file. What was prepared of this content before is taken from the cache, and the file is not read.
    check : callable, optional
        Called with the content before OpenVINO sees it; raises what it finds.
    threads : int
        CPU threads for one call; 0 takes all cores for one call at a time, any other number lets as many calls run
        side by side as the cores allow.
    precision : {'f32', 'bf16'}
        What it computes in. A processor without bf16 is refused rather than slowed down.

    Raises
    ------
    InputError
        For a precision that this processor does not have.
    RuntimeError
        When OpenVINO cannot make sense of the file.
    """

    def __init__(
        self,
        file: Path,
        sha256: str,
        *,
        threads: int = 0,
        precision: str = "f32",
        check: Callable[[bytes], None] | None = None,
    ) -> None:
        if precision not in supported_precisions():
            known = " or ".join(supported_precisions())
            raise InputError(f"This processor does not compute in {precision!r}; choose {known}.")
        # Without the hint some processors would compute in bf16 unasked.
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": cores()}
        options["NUM_STREAMS"] = max(cores() // threads, 1) if threads else 1
        self._compiled = _cached(file, sha256, options, check)
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def __call__(self, tensor: Array) -> list[Array]:
        """All outputs of the network, in its order, for its one input (1, ...)."""
        with self._request() as request:
            request.infer([tensor], share_inputs=True)
            return [np.array(output.data) for output in request.output_tensors]

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs."""
        return [output.any_name for output in self._compiled.outputs]

    @contextlib.contextmanager
    def _request(self) -> Iterator[Any]:
        # Requests own the memory of the layers between: one for each call at a time, used again.
        try:
            request = self._requests.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        try:
            yield request
        finally:
            self._requests.put(request)


def supported_precisions() -> tuple[str, ...]:
    """Those of :data:`PRECISIONS` that this processor computes in by itself."""
    has = _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return tuple(p for p in PRECISIONS if p == "f32" or p.upper() in has)


def _core() -> Any:
    with _lock:  # threads that come first together would start two
        return _started()


@functools.cache
def _started() -> Any:
    return _openvino().Core()


def _openvino() -> Any:
    """The package, imported by one thread at a time."""
    # Its converter from other frameworks takes most of the import, brings a telemetry client, and is of no use here.
    converter = "openvino.tools.ovc"
    hide = converter not in sys.modules and "openvino" not in sys.modules
    if hide:
        sys.modules[converter] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        if hide:
            sys.modules.pop(converter, None)
    return openvino


def _cached(file: Path, sha256: str, options: dict[str, Any], check: Callable[[bytes], None] | None) -> Any:
    core = _core()
    machine = [core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    openvino = sys.modules["openvino"]
    key = repr((sha256, openvino.__version__, machine, sorted(options.items())))
    folder = cache_folder()
    prepared = folder and folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.openvino"
    if prepared and prepared.is_file():
        # One that was cut off raises; it is made anew.
        with contextlib.suppress(Exception):
            blob = np.memmap(prepared, np.uint8, "r")
            network = core.import_model(openvino.Tensor(blob), "CPU", options)
            with contextlib.suppress(OSError):  # a cache that came with an image cannot be touched
                os.utime(prepared)
            return network
    model = _read(file, check)
    model.reshape([1, *model.input(0).partial_shape[1:]])
    network = core.compile_model(model, "CPU", options)
    if prepared:
        with contextlib.suppress(OSError, InputError):  # a full disk costs the time of the next start, no more
            with atomic_write(prepared) as stream:
                stream.write(network.export_model().getbuffer())
            prune(prepared.parent, CACHE_BYTES)
    return network


def _read(file: Path, check: Callable[[bytes], None] | None) -> Any:
    if file.suffix == ".tflite":  # not read from memory
        return _core().read_model(file)
    content = file.read_bytes()
    if check:
        check(content)
    return _core().read_model(content, b"")


def cache_folder() -> Path | None:
    """The folder for prepared networks, made when it is not there.

    None when it cannot be made, or could be written by somebody else: what lies in it is run.
    """
    folder = get_settings().cache / "networks"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.stat()
    except OSError:
        return None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        return None
    return folder


def prune(folder: Path, limit: int) -> None:
    """Delete what was used longest ago until at most `limit` bytes are left."""
    files = []
    for file in folder.iterdir():
        with contextlib.suppress(OSError):
            files.append((file.stat().st_mtime, file.stat().st_size, file))
    total = 0
    for _, size, file in sorted(files, reverse=True):
        total += size
        if total > limit:
            with contextlib.suppress(OSError):
                file.unlink()
