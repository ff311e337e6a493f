"""Networks on OpenVINO: started fast, shared by threads, computing in fp32 unless asked otherwise.

Reading a network and compiling it for the processor takes longer than a hundred answers of a small one. The compiled
network is kept in the user's cache folder, so that the next process starts in a fraction of the time.
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
#: Limit of the cache; beyond it the least recently used networks are deleted.
CACHE_BYTES = 1_000_000_000
_lock = threading.Lock()


class Network:
    """A network that takes one image at a time. May be shared by threads.

    Batches gain nothing on a processor; a graph of fixed shape is a tenth faster.

    Parameters
    ----------
    file : Path
        An .onnx or .tflite file.
    sha256 : str
        Of the file. A network compiled from this content before is taken from the cache, and the file is not read.
    check : callable, optional
        Called with the content before OpenVINO reads it; raises when it should not be opened.
    threads : int
        CPU threads for one call; 0 takes all cores for one call at a time, any other number lets as many calls run
        side by side as the cores allow.
    precision : {'f32', 'bf16'}
        Number format of the computation. A processor without bf16 is refused rather than slowed down.
    device : {'CPU', 'GPU'}
        Of `available_devices`; a GPU computes in f32.

    Raises
    ------
    InputError
        For a precision that this processor does not support.
    RuntimeError
        When OpenVINO cannot read the file.
    """

    def __init__(
        self,
        file: Path,
        sha256: str,
        *,
        threads: int = 0,
        precision: str = "f32",
        check: Callable[[bytes], None] | None = None,
        device: str = "CPU",
    ) -> None:
        if precision not in supported_precisions():
            choices = " or ".join(supported_precisions())
            raise InputError(f"This processor does not compute in {precision!r}; choose {choices}.")
        # Without the hint some processors would compute in bf16 unasked, and GPUs in f16.
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision}
        if device == "CPU":
            options["INFERENCE_NUM_THREADS"] = cores()
            # Every process would bind its threads to the same cores, and wait for the others while cores are free.
            options["ENABLE_CPU_PINNING"] = False
            options["NUM_STREAMS"] = max(cores() // threads, 1) if threads else 1
        self._compiled = _cached(file, sha256, device, options, check)
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def __call__(self, tensor: Array) -> list[Array]:
        """Compute all outputs of the network, in its order, for its one input (1, ...)."""
        with self._request() as request:
            request.infer([tensor], share_inputs=True)
            return [np.array(output.data) for output in request.output_tensors]

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs."""
        return [output.any_name for output in self._compiled.outputs]

    @contextlib.contextmanager
    def _request(self) -> Iterator[Any]:
        # A request owns the memory of the intermediate layers: one for each concurrent call, reused.
        try:
            request = self._requests.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        try:
            yield request
        finally:
            self._requests.put(request)


def supported_precisions() -> tuple[str, ...]:
    """Return those of :data:`PRECISIONS` that this processor computes in natively."""
    capabilities = _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return tuple(p for p in PRECISIONS if p == "f32" or p.upper() in capabilities)


def available_devices() -> list[str]:
    """List the devices of OpenVINO on this machine, such as CPU, GPU or, of several, GPU.0."""
    return list(_core().available_devices)


def _core() -> Any:
    with _lock:  # two threads at the first call would start two
        return _started()


@functools.cache
def _started() -> Any:
    return _openvino().Core()


def _openvino() -> Any:
    """Import the package, in one thread at a time."""
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


def _cached(
    file: Path, sha256: str, device: str, options: dict[str, Any], check: Callable[[bytes], None] | None
) -> Any:
    core = _core()
    machine = [core.get_property(device, name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    openvino = sys.modules["openvino"]
    key = repr((sha256, openvino.__version__, machine, sorted(options.items())))
    folder = cache_folder()
    prepared = folder and folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.openvino"
    if prepared and prepared.is_file():
        # A truncated one raises, and is made anew.
        with contextlib.suppress(Exception):
            blob = np.memmap(prepared, np.uint8, "r")
            network = core.import_model(openvino.Tensor(blob), device, options)
            with contextlib.suppress(OSError):  # the cache of a container image may be read-only
                os.utime(prepared)
            return network
    model = _read(file, check)
    model.reshape([1, *model.input(0).partial_shape[1:]])
    network = core.compile_model(model, device, options)
    if prepared:
        with contextlib.suppress(OSError, InputError):  # a full disk costs the time of the next start, no more
            with atomic_write(prepared) as stream:
                stream.write(network.export_model().getbuffer())
            prune(prepared.parent, CACHE_BYTES)
    return network


def _read(file: Path, check: Callable[[bytes], None] | None) -> Any:
    if file.suffix == ".tflite":  # OpenVINO reads this format from files only
        return _core().read_model(file)
    content = file.read_bytes()
    if check:
        check(content)
    return _core().read_model(content, b"")


def cache_folder() -> Path | None:
    """Return the folder for compiled networks, made if it is missing.

    None when it cannot be made, or when other users may write to it: its content is executed.
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
    """Delete the least recently used files until at most `limit` bytes are left."""
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
