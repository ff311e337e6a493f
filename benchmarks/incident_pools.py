"""Real rows of a prediction log for each kind of picture, from a small network that is trained on drawn faces.

The network learns two kinds of forgery; a third one, a third camera and pictures saved harder come with the incidents.
Every picture is answered once by the real service, and its row is what the service wrote. People of the traffic were
never trained on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from PIL import Image

from aletheia.datasets.synthetic.cameras import CAMERAS
from aletheia.datasets.synthetic.people import draw_people
from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.models.bundle import load_bundle, save_bundle
from aletheia.models.onnx_export import export_onnx
from aletheia.serving.config import ServeConfig
from aletheia.serving.model_loading import load_model
from aletheia.serving.service import InferenceService
from aletheia.training.config import TrainConfig
from benchmarks.drawn_pictures import LIGHT_TOUCH, UPSAMPLED, draw_picture
from benchmarks.planted import load_faces, train_network

SIZE = 64
RECIPE = TrainConfig(image_size=SIZE, max_epochs=12, patience=4, learning_rate=5e-3, batch_size=16, num_threads=1)
UNSEEN = UPSAMPLED  # the forgery that the network is not trained on
#: Relative size of the noise on the weights of the damaged model.
DAMAGE = 0.15
#: JPEG quality of the pictures that are saved harder.
QUALITY = 30
_SEED = 71  # of the traffic's people, others than those of the data set


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of picture: camera, forgery, and how it was saved or answered."""

    camera: str
    forgery: str = ""  # none: genuine
    state: str = ""  # "", "compressed" or "damaged" (the model, not the picture)

    @property
    def fake(self) -> bool:
        """Whether it is a fake."""
        return bool(self.forgery)


KNOWN = ("", "self-blended", "face-swap")
STATES = ("", "compressed", "damaged")
KINDS = (
    *(Kind(camera, forgery, state) for state in STATES for camera in CAMERAS for forgery in KNOWN),
    *(Kind("cam-c", forgery) for forgery in KNOWN),
    *(Kind(camera, forgery) for forgery in (UNSEEN, LIGHT_TOUCH) for camera in CAMERAS),
)  # fmt: skip


def load_pools(folder: Path, pictures: int, faces: int) -> dict[Kind, pd.DataFrame]:
    """Return rows of a prediction log for each of `KINDS`, made in the folder unless they are there.

    Parameters
    ----------
    folder : path
        Keeps the network and the rows.
    pictures : int
        Of each kind.
    faces : int
        Drawn pictures of the data set that the network is trained on.
    """
    file = folder / f"pools-{pictures}-{faces}.pickle"  # written here alone
    if not file.exists():
        os.environ.setdefault("ALETHEIA_DATA", str(folder / "data"))
        folder.mkdir(parents=True, exist_ok=True)
        pools = _score(_network(folder, faces), folder, pictures)
        pd.to_pickle(pools, file)
    pools = pd.read_pickle(file)
    return {Kind(**dataclasses.asdict(kind)): rows for kind, rows in pools.items()}


def _network(folder: Path, faces: int) -> Path:
    if not (folder / "model" / "model.onnx").exists():
        torch.set_num_threads(1)
        every, _ = load_faces("synthetic", SIZE, n_synthetic=faces)
        train_network(every[every["generator"].fillna("") != UNSEEN].reset_index(drop=True), RECIPE, folder / "model")
    return folder / "model"


def _damaged(bundle: Path, folder: Path) -> Path:
    """Write the network with noise on its weights, all else as it was."""
    model, spec = load_bundle(bundle)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            noise = torch.randn(weights.shape, generator=generator)
            weights.add_(DAMAGE * weights.std(correction=0) * noise)
    save_bundle(folder, model, spec)
    for name in ("typical.safetensors", "profile.safetensors"):
        if (bundle / name).exists():
            (folder / name).write_bytes((bundle / name).read_bytes())
    export_onnx(folder, np.random.default_rng(0).integers(0, 255, (8, SIZE, SIZE, 3), dtype=np.uint8))
    return folder


def _score(bundle: Path, folder: Path, pictures: int) -> dict[Kind, pd.DataFrame]:
    damaged = _damaged(bundle, folder / "damaged")
    pools = {}
    with contextlib.ExitStack() as open_:
        services = {}
        for name, model in (("", bundle), ("damaged", damaged)):
            log = folder / f"log{name}.sqlite"
            log.unlink(missing_ok=True)
            config = ServeConfig(models=(str(model),), workers=1, prediction_log=str(log))
            services[name] = open_.enter_context(contextlib.closing(InferenceService(load_model(config), config)))
        ids = {
            kind: [services["damaged" if kind.state == "damaged" else ""].answer_image(data)["id"]
                   for data in _pictures(kind, pictures)]
            for kind in KINDS
        }  # fmt: skip
    logs = {name: read_log(folder / f"log{name}.sqlite").set_index("id", drop=False) for name in services}
    for kind, answered in ids.items():
        rows = logs["damaged" if kind.state == "damaged" else ""].loc[answered]
        pools[kind] = rows[rows["error"] == ""].reset_index(drop=True)
    return pools


def _pictures(kind: Kind, count: int) -> Iterator[bytes]:
    people = draw_people(max(count // 4, 2), "cam-b" if kind.camera == "cam-b" else "cam-a", seed=_SEED)
    for number in range(count):
        rng = np.random.default_rng((_SEED, number, *kind.camera.encode(), *kind.forgery.encode()))
        person, donor = people[number % len(people)], people[(number + 1) % len(people)]
        data = draw_picture(person, donor, kind.camera, kind.forgery, rng)
        yield _resaved(data) if kind.state == "compressed" else data


def _resaved(data: bytes) -> bytes:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY, subsampling=2)
    return buffer.getvalue()


cv2.setNumThreads(1)
