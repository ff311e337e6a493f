"""Python client: a model on this machine or a service elsewhere, with the same answers.

>>> from aletheia.client import Detector
>>> with Detector("http://127.0.0.1:7860") as detector:  # or Detector(), or Detector("production")
...     print(detector.predict("portrait.jpg").verdict)

Imports neither torch nor MLRun.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, overload

import numpy as np

from aletheia.client_types import ModelNote
from aletheia.core.arrays import Array
from aletheia.core.cores import cores
from aletheia.core.errors import InputError
from aletheia.imaging.media_types import HEAD_BYTES, begins_as_video, image_format, is_video
from aletheia.imaging.video import check_count
from aletheia.inference.options import PredictOptions
from aletheia.serving.config import API_KEY

if TYPE_CHECKING:
    from PIL.Image import Image

    from aletheia.client_http import HttpModel
    from aletheia.inference.predictor import Prediction
    from aletheia.inference.video import VideoPrediction

#: What can be classified.
Source: TypeAlias = "str | Path | bytes | Array | Image"
#: Frames of a video that a model on this machine looks at by default.
FRAMES = 16


class Detector:
    """Estimates for images and videos the probability that a face in them is fake. Threads may share it.

    Parameters
    ----------
    model : str, path, or a list of them
        The address of a service (``http://…`` or ``https://…``); or, to run on this machine, a tag, a
        ``store://models/…`` URI or a folder; several models form an ensemble. Default: the registered production
        model.
    api_key : str, optional
        API key of a service; default: the environment variable ``ALETHEIA_API_KEY``.
    weights : sequence of float
        Weights of the models of an ensemble, see `aletheia.inference.ensemble.Ensemble`.
    precision : str
        Precision of a network that runs on this machine.
    retry_seconds : float
        Seconds in which requests to a busy service are repeated, when it names a time to come back by Retry-After.
    timeout : float
        Seconds that a service may take for an answer.
    patience : float, optional
        Deprecated name of `retry_seconds`.

    Attributes
    ----------
    note : ModelNote
        Description of the model: `uri`, `version`, `trained_on`, `tag`.

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
        retry_seconds: float = 60.0,
        timeout: float = 120.0,
        patience: float | None = None,
    ) -> None:
        if patience is not None:
            warnings.warn("Detector(patience=) is now called retry_seconds=.", DeprecationWarning, stacklevel=2)
            retry_seconds = patience
        names = [str(model)] if isinstance(model, str | Path) else [str(name) for name in model]
        addresses = [name for name in names if name.lower().startswith(("http://", "https://"))]
        self._model: LocalModel | HttpModel
        if not addresses:
            self._model = LocalModel(names, weights, precision)
        elif len(names) == 1 and not weights and precision == "f32":
            from aletheia.client_http import HttpModel

            key = api_key or os.environ.get(API_KEY)
            self._model = HttpModel(addresses[0], key, retry_seconds=retry_seconds, timeout=timeout)
        else:
            raise InputError(
                f"{addresses[0]} chooses its models, weights and precision itself; pass the address alone."
            )
        self.note = self._model.note

    def __enter__(self) -> Detector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to a service."""
        self._model.close()

    @overload
    def predict(  # type: ignore[overload-overlap]  # text is a sequence of texts
        self,
        source: Source,
        *,
        frames: int | None = ...,
        aggregation: str | None = ...,
        threshold: float | None = ...,
        use_calibration: bool = ...,
        crops: bool = ...,
        key: str | None = ...,
    ) -> Prediction | VideoPrediction: ...

    @overload
    def predict(
        self,
        source: Sequence[Source],
        *,
        frames: int | None = ...,
        aggregation: str | None = ...,
        threshold: float | None = ...,
        use_calibration: bool = ...,
        crops: bool = ...,
        key: str | None = ...,
    ) -> list[Prediction | VideoPrediction]: ...

    def predict(
        self,
        source: Source | Sequence[Source],
        *,
        frames: int | None = None,
        aggregation: str | None = None,
        threshold: float | None = None,
        use_calibration: bool = True,
        crops: bool = False,
        key: str | None = None,
    ) -> Prediction | VideoPrediction | list[Prediction | VideoPrediction]:
        """Classify an image or video, or each of several.

        Parameters
        ----------
        source : path, bytes, array, PIL image, or a sequence of them
            A file, the content of one, RGB pixels (height, width, 3), uint8, or an image that Pillow has opened. Videos
            are recognised by their first bytes or, where those are inconclusive, by the file name. Several, also as an
            array (n, height, width, 3), are classified side by side on the cores of this machine.
        frames : int, optional
            Number of frames of a video, evenly spread; default: `FRAMES`, or the setting of the service.
        aggregation : str, optional
            How the scores of a person's frames are combined, for a model on this machine; default: as the model says.
        threshold : float, optional
            Probability, 0 to 1, from which on a face is called fake; default: the model's.
        use_calibration : bool
            Whether probabilities are calibrated; without it verdicts stay, see
            `aletheia.inference.options.PredictOptions`.
        crops : bool
            Whether the prediction for an image holds the faces as they were cut out for the network.
        key : str, optional
            Names the caller on whose behalf you ask, as by a session number: where a service tries two models, one key
            gets the same model every time. It is kept nowhere. Without it the picture decides.

        Returns
        -------
        Prediction or VideoPrediction, or a list of them in the order of the sources
            With the verdict ``"error"`` and the reason when the file cannot be read.

        Raises
        ------
        InputError
            When the service does not answer, is busy for too long, or requires a key; for a number of frames out of
            range, an unknown aggregation, a threshold out of range, or a key for a model on this machine.
        """
        options = PredictOptions(threshold, use_calibration, crops)
        if frames is not None:
            check_count(frames)

        model = self._model if key is None else self._keyed(key)

        def predict_one(one: Source) -> Prediction | VideoPrediction:
            if isinstance(one, str | Path | bytes) and holds_video(one):
                return model.predict_video(one, frames, aggregation, options)
            return model.predict_image(one, options)

        if not isinstance(source, list | tuple) and not (isinstance(source, np.ndarray) and source.ndim == 4):
            return predict_one(source)  # type: ignore[arg-type]  # any other sequence is no source either
        with ThreadPoolExecutor(max(min(cores(), len(source)), 1)) as pool:
            return list(pool.map(predict_one, source))

    def _keyed(self, key: str) -> HttpModel:
        if isinstance(self._model, LocalModel):
            raise InputError("A key chooses among the models of a service; a model on this machine answers alone.")
        return self._model.keyed(key)

    def feedback(
        self, answer: str | Prediction | VideoPrediction, label: str, source: str = "own", *,
        detail: str = "", note: str = "", picture: str | Path | bytes | None = None, consent: bool = False,
    ) -> str:  # fmt: skip
        """Tell a service what the truth about one of its answers is; returns what it says happens with that.

        Parameters
        ----------
        answer : str, Prediction or VideoPrediction
            The answer, or its id.
        label, source : str
            ``"genuine"`` or ``"fake"``; how that is known: ``"own"``, ``"credentials"``, ``"expert"`` or ``"other"``.
        detail, note : str
            More on the source, 200 characters at most; anything else, 500.
        picture : path or bytes, optional
            The picture that the answer is about, to be kept and trained on where the service keeps any.
        consent : bool
            That you may, and want to, give the picture: without it none is sent.

        Raises
        ------
        InputError
            When the service refuses, a picture comes without consent, or the model is on this machine.
        """
        if isinstance(self._model, LocalModel):
            raise InputError("Feedback goes to a service, which records its answers: Detector('http://…').")
        if picture is not None and not consent:
            raise InputError("A picture is kept only with consent=True; without, leave it out.")
        identity = answer if isinstance(answer, str) else answer.id
        if not identity:
            raise InputError("This answer has no id: only those of a service have one.")
        return self._model.feedback(identity, label, source, detail=detail, note=note, picture=picture)


class LocalModel:
    """A model, or an ensemble, in this process.

    Parameters
    ----------
    names : sequence of str
        Tags, URIs or folders; an empty name is the registered production model.
    weights : sequence of float
        Weights of the models of an ensemble; empty for equal ones.
    precision : str
        Precision of the network.

    Attributes
    ----------
    note : ModelNote
        Description of the model.
    """

    def __init__(self, names: Sequence[str], weights: Sequence[float], precision: str) -> None:
        from aletheia.inference.ensemble import open_predictor
        from aletheia.release.registry import find_model

        models = [find_model(name or None) for name in names]
        self._predictor = open_predictor([model.folder for model in models], weights, precision=precision)
        spec, uri = self._predictor.spec, " + ".join(model.uri for model in models)
        tag = models[0].tag if len(models) == 1 else ""
        notes = self._predictor.kind_note(), self._predictor.device
        self.note = ModelNote(uri, spec.weights_sha256[:12], spec.trained_on, tag, *notes)

    def predict_image(self, source: Source, options: PredictOptions) -> Prediction:
        """Classify an image, see `aletheia.inference.predictor.Predictor.predict`."""
        return self._predictor.predict(source, options)

    def predict_video(
        self, source: str | Path | bytes, frames: int | None, aggregation: str | None, options: PredictOptions
    ) -> VideoPrediction:
        """Classify a video, see `aletheia.inference.video.predict_video`."""
        from aletheia.inference.video import predict_video

        file = io.BytesIO(source) if isinstance(source, bytes) else source
        return predict_video(self._predictor, file, frames=frames or FRAMES, aggregation=aggregation, options=options)

    def close(self) -> None:
        """Do nothing: there are no connections."""


def holds_video(source: str | Path | bytes) -> bool:
    """Whether a file, or the content of one, is treated as a video: by its first bytes, else by its name."""
    has_video_name = not isinstance(source, bytes) and is_video(source)
    head = source[:HEAD_BYTES] if isinstance(source, bytes) else _first_bytes(source)
    return begins_as_video(head) or (has_video_name and not image_format(head))


def _first_bytes(path: str | Path) -> bytes:
    """Read the first bytes of a regular file; none if it cannot be opened, which is reported where it is read."""
    try:
        if not Path(path).is_file():  # opening a pipe would block
            return b""
        with Path(path).open("rb") as file:
            return file.read(HEAD_BYTES)
    except (OSError, ValueError):
        return b""
