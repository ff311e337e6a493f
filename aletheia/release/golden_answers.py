"""Golden answers: pictures and what the model said of them when it was registered.

A later answer that differs tells of another decoder, detector or engine than the model was evaluated with. The pictures
are drawn (`aletheia.datasets.synthetic`): they show nobody, belong to nobody, and so may travel with the model. Drawing
them anew from a seed would not do, since another version of a library draws other pixels.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.models.calibration_map import Share, Strict
from aletheia.models.json_file import read_json_file
from aletheia.models.model_files import GOLDEN
from aletheia.models.spec import ModelSpec

_PICTURES, _SEED = 8, 20_260_101
_QUALITY = 92  # of JPEG, as cameras save
_MAX_BYTES = 2_000_000
Base64 = Annotated[str, Field(max_length=200_000)]


class GoldenAnswer(Strict):
    """A picture and its recorded answer.

    Attributes
    ----------
    jpeg : str
        The file in base64.
    verdict : str
        Of the picture.
    raw_probability : float or None
        Of its largest face, before calibration, 0 to 1; None where no face was found.
    """

    jpeg: Base64
    verdict: Annotated[str, Field(max_length=40)]
    raw_probability: Share | None

    def picture(self) -> bytes:
        """Return the file.

        Raises
        ------
        InputError
            When it is not in base64.
        """
        try:
            return base64.b64decode(self.jpeg, validate=True)
        except ValueError:
            raise InputError(f"A picture of {GOLDEN} is not in base64; fetch the model again.") from None


class GoldenAnswers(Strict):
    """The golden answers of a model."""

    schema_version: Literal[1] = 1
    answers: tuple[GoldenAnswer, ...] = Field(min_length=1, max_length=64)


def draw_pictures(count: int = _PICTURES) -> list[bytes]:
    """Draw portraits of synthetic people, 256 pixels a side; returns JPEG files, the same ones every time."""
    import cv2
    import numpy as np

    from aletheia.datasets.synthetic.faces import render
    from aletheia.datasets.synthetic.people import draw_people
    from aletheia.datasets.synthetic.scene import draw_shot

    files = []
    for i, person in enumerate(draw_people(count, "cam-b", seed=_SEED)):
        pixels = (render(person, draw_shot(np.random.default_rng([_SEED, i])))[0] * 255 + 0.5).astype(np.uint8)
        files.append(cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes())
    return files


def record_golden(folder: str | Path, spec: ModelSpec) -> ModelSpec:
    """Answer for the golden pictures and write ``golden.json`` into a bundle.

    Parameters
    ----------
    folder : path
        Of the bundle, with all of its files; ``model.json`` is not written.
    spec : ModelSpec
        Of the bundle.

    Returns
    -------
    ModelSpec
        With the file's SHA-256; unchanged for a model that cannot answer for pictures: without ``model.onnx``, or
        trained on crops of which nothing says how they were cut out.
    """
    if spec.onnx is None or spec.crop.policy == "none":
        return spec
    from aletheia.inference.predictor import Predictor

    predictor, answers = Predictor(folder, threads=1), []
    for jpeg in draw_pictures():
        prediction = predictor.predict(jpeg)
        raw = prediction.faces[0].raw_probability if prediction.faces else None
        encoded = base64.b64encode(jpeg).decode()
        answers.append(GoldenAnswer(jpeg=encoded, verdict=prediction.verdict, raw_probability=raw))
    payload = GoldenAnswers(answers=tuple(answers)).model_dump_json().encode() + b"\n"
    with atomic_write(Path(folder) / GOLDEN) as file:
        file.write(payload)
    return spec.model_copy(update={"golden": hashlib.sha256(payload).hexdigest()})


def read_golden(folder: str | Path, sha256: str) -> GoldenAnswers:
    """Read ``golden.json`` of a bundle.

    Raises
    ------
    InputError
        When it is missing, too large, another file than the one in ``model.json``, or does not fit.
    """
    return read_json_file(folder, GOLDEN, _MAX_BYTES, sha256, GoldenAnswers)
