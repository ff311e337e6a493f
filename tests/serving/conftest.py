"""A model bundle with random weights: what it answers means nothing, but is the same every time."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import cv2
import httpx
import numpy as np
import onnx
import pytest
import torch
import uvicorn
from fastapi import FastAPI

from aletheia.models.bundle import save_bundle
from aletheia.models.onnx_export import export_onnx
from aletheia.models.registry import create_model
from aletheia.models.spec import ONNX, AbstentionSpec, Calibration, CropSpec, ModelSpec, read_spec, write_spec
from aletheia.serving.app import create_app
from aletheia.serving.cli import listen, settings
from aletheia.serving.config import ServeConfig


class Served(NamedTuple):
    """A service that runs: a client of it, and its application."""

    client: httpx.Client
    app: FastAPI

    def connect(self, seconds: float | None = None) -> socket.socket:
        """A connection of its own, on which bytes are sent as they are; it waits so long for an answer."""
        url = self.client.base_url
        return socket.create_connection((url.host, url.port), timeout=seconds)


def wait_until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Look every few milliseconds; fails when it takes longer."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    torch.manual_seed(4)
    spec = ModelSpec(
        architecture="attention_cnn",
        options={"width": 8},
        input_size=48,
        crop=CropSpec(size=64, policy="scale", margin=0.25),
        calibration=Calibration(method="platt", scale=1.7, shift=-0.3),
        threshold=0.4,
    )
    save_bundle(folder, create_model("attention_cnn", width=8).eval(), spec)
    export_onnx(folder, np.random.default_rng(0).integers(0, 256, (4, 48, 48, 3), np.uint8))
    return folder


@pytest.fixture(scope="session")
def numberless(bundle, tmp_path_factory) -> Path:
    """The same model with a bias that is no number, as a damaged or diverged training leaves it."""
    folder = tmp_path_factory.mktemp("numberless") / "model"
    shutil.copytree(bundle, folder)
    graph = onnx.load(folder / ONNX)
    (bias,) = [one for one in graph.graph.initializer if one.name.endswith("head.bias")]
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(bias.dims, np.nan, np.float32), bias.name))
    (folder / ONNX).write_bytes(graph.SerializeToString())
    spec = read_spec(folder)
    changed = spec.onnx.model_copy(update={"sha256": hashlib.sha256((folder / ONNX).read_bytes()).hexdigest()})
    write_spec(folder, spec.model_copy(update={"onnx": changed}))
    return folder


@pytest.fixture(scope="session")
def with_rules(bundle, tmp_path_factory) -> Callable[..., Path]:
    """The same model with rules of abstention, and with whatever else is named."""

    def make(changes: dict | None = None, **rules) -> Path:
        folder = tmp_path_factory.mktemp("rules") / "model"
        shutil.copytree(bundle, folder)
        # Limits that are never in the way, unless they are named.
        values = {"alpha": 0.1, "real_upper": 0.4, "fake_lower": 0.4, **rules}
        update = {"abstention": AbstentionSpec(**values), **(changes or {})}
        write_spec(folder, read_spec(folder).model_copy(update=update))
        return folder

    return make


@pytest.fixture(scope="session")
def jpeg(portraits) -> bytes:
    """A picture with one face."""
    return cv2.imencode(".jpg", portraits[0][0][..., ::-1])[1].tobytes()


@pytest.fixture(scope="session")
def clip(portraits, write_video, tmp_path_factory) -> bytes:
    """A video of two seconds with one face."""
    pictures = [portraits[0][0]] * 10
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", pictures).read_bytes()


@pytest.fixture(scope="session")
def serving(bundle) -> Callable[..., AbstractContextManager[Served]]:
    """Serve the model on a free port, with the limits that are named, for as long as the block lasts."""

    @contextlib.contextmanager
    def start(**values) -> Iterator[Served]:
        config = ServeConfig(**{"models": (str(bundle),), "page": False, **values})
        app = create_app(config)
        listener = listen("127.0.0.1", 0)
        server = uvicorn.Server(settings(app, config))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60) as client:
                wait_until(lambda: server.started)
                yield Served(client, app)
        finally:
            server.should_exit = True
            thread.join()

    return start


@pytest.fixture(scope="session")
def served(serving) -> Iterator[Served]:
    """The model, served with its usual limits."""
    with serving(workers=2) as running:
        yield running


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """Wait until something is true."""
    return wait_until


@pytest.fixture(scope="session")
def damaged() -> Callable[[bytes, np.random.Generator], Iterator[bytes]]:
    """Makes of a file one truncated at every 1 %, and some with bytes changed at random."""

    def make(data: bytes, rng: np.random.Generator) -> Iterator[bytes]:
        yield from (data[: len(data) * k // 100] for k in range(100))
        for _ in range(200):
            garbled = bytearray(data)
            for place in rng.integers(0, len(garbled), 6):
                garbled[place] = rng.integers(0, 256)
            yield bytes(garbled)

    return make
