"""Asking a model from Python: on this machine, or a service that runs elsewhere, with the same answers.

>>> from aletheia.client import Detector
>>> with Detector("http://127.0.0.1:7860") as detector:  # or Detector(), or Detector("production")
...     print(detector.predict("portrait.jpg").verdict)

Imports neither torch nor MLRun.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aletheia.client_types import ModelNote
from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.imaging.media_types import begins_as_video, is_video
from aletheia.imaging.video import check_count
from aletheia.serving.config import API_KEY

if TYPE_CHECKING:
    from aletheia.client_http import Remote
    from aletheia.inference.predictor import Prediction
    from aletheia.inference.video import VideoPrediction

FRAMES = 16
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II", b"MM", b"RIFF")


class Detector:
    """Says of pictures and videos how probable it is that a face in them is fake. May be shared by threads.

    Parameters
    ----------
    model : str, path, or a list of them
        The address of a service (``http://…`` or ``https://…``); or, to answer here, a tag, a ``store://models/…`` URI
        or a folder; of several models an ensemble. Default: the registered production model.
    api_key : str, optional
        That a service asks for; default: what is in the environment variable ``ALETHEIA_API_KEY``.
    weights : sequence of float
        Of the models of an ensemble, see `aletheia.inference.ensemble.Ensemble`.
    precision : str
        Of the network, when it runs here.
    patience : float
        Seconds in which a service that is busy is asked again, when it says by Retry-After when to come back.
    timeout : float
        Seconds that a service may take for an answer.

    Attributes
    ----------
    note : ModelNote
        What is known of the model: `uri`, `version`, `trained_on`, `tag`.

    Raises
    ------
    InputError
        When there is no such model, or no service at that address.
    """

    note: ModelNote

    def __init__(
        self,
        model: str | Path | Sequence[str | Path] = "",
        api_key: str | None = None,
        *,
        weights: Sequence[float] = (),
        precision: str = "f32",
        patience: float = 60.0,
        timeout: float = 120.0,
    ) -> None:
        names = [str(model)] if isinstance(model, str | Path) else [str(name) for name in model]
        self._model: _Local | Remote
        if not (remote := [name for name in names if name.lower().startswith(("http://", "https://"))]):
            self._model = _Local(names, weights, precision)
        elif len(names) == 1 and not weights and precision == "f32":
            from aletheia.client_http import Remote

            key = api_key or os.environ.get(API_KEY)
            self._model = Remote(remote[0], key, patience=patience, timeout=timeout)
        else:
            raise InputError(f"{remote[0]} chooses its models, weights and precision itself; name the address alone.")
        self.note = self._model.note

    def __enter__(self) -> Detector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        self._model.close()

    def predict(
        self, source: str | Path | bytes | Array, *, frames: int | None = None, aggregation: str | None = None
    ) -> Prediction | VideoPrediction:
        """Answer for one picture or video.

        Parameters
        ----------
        source : path, bytes or array
            A file, the content of one, or RGB pixels (height, width, 3), uint8. Whether it is a video is seen by its
            beginning; where that says nothing, by its name.
        frames : int, optional
            Of a video, evenly spread; default: `FRAMES`, or what the service is set to.
        aggregation : str, optional
            How a person's frames become one score, when the model runs here; default: as the model says.

        Returns
        -------
        Prediction or VideoPrediction
            With the verdict ``"error"`` and the reason when the file cannot be read.

        Raises
        ------
        InputError
            When the service does not answer, is busy for too long, or asks for a key; for a number of frames out of
            range or an unknown aggregation.
        """
        if frames is not None:
            check_count(frames)
        if isinstance(source, np.ndarray) or not holds_video(source):
            return self._model.image(source)
        return self._model.video(source, frames, aggregation)


class _Local:
    """The model, in this process."""

    def __init__(self, names: Sequence[str], weights: Sequence[float], precision: str) -> None:
        from aletheia.inference.ensemble import open_predictor
        from aletheia.release.registry import find_model

        found = [find_model(name or None) for name in names]
        self._predictor = open_predictor([model.folder for model in found], weights, precision=precision)
        spec, uri = self._predictor.spec, " + ".join(model.uri for model in found)
        tag = found[0].tag if len(found) == 1 else ""
        self.note = ModelNote(uri, spec.weights_sha256[:12], spec.trained_on, tag)

    def image(self, source: str | Path | bytes | Array) -> Prediction:
        return self._predictor.predict(source)

    def video(self, source: str | Path | bytes, frames: int | None, aggregation: str | None) -> VideoPrediction:
        from aletheia.inference.video import predict_video

        opened = io.BytesIO(source) if isinstance(source, bytes) else source
        return predict_video(self._predictor, opened, frames=frames or FRAMES, aggregation=aggregation)

    def close(self) -> None:
        """Nothing is held."""


def holds_video(source: str | Path | bytes) -> bool:
    """Whether a file, or the content of one, is to be taken for a video: by its beginning, else by its name."""
    named = not isinstance(source, bytes) and is_video(source)
    head = source[:16] if isinstance(source, bytes) else _beginning(source)
    return begins_as_video(head) or (named and not head.startswith(_PICTURES) and head[4:8] != b"ftyp")


def _beginning(path: str | Path) -> bytes:
    """The first bytes of a regular file; none of what cannot be opened, which is told by whoever reads it."""
    try:
        if not Path(path).is_file():  # a pipe would block for ever
            return b""
        with open(path, "rb") as file:
            return file.read(16)
    except (OSError, ValueError):
        return b""
