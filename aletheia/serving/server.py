"""The registered model as an MLRun model server: the class that would run on Nuclio."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

import mlrun.serving

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.inference.options import PredictOptions
from aletheia.inference.predictor import Prediction, Predictor
from aletheia.release.registry import fetch_model
from aletheia.serving.protocol import decode_inputs, decode_parameters, encode_outputs

_loaded: dict[str, PredictsPictures] = {}


class PredictsPictures(Protocol):
    """Anything that answers as `aletheia.inference.predictor.Predictor.predict` does."""

    def predict(self, image: bytes | Array, options: PredictOptions | None = None) -> Prediction:
        """Answer for a picture, with the wishes of the caller."""
        ...


@contextlib.contextmanager
def use_loaded_model(model_path: str, model: PredictsPictures) -> Iterator[None]:
    """Let servers of `model_path` use a model that is loaded already, for as long as this lasts.

    Parameters
    ----------
    model_path : str
        Path of the model in the server.
    model
        The model to use.
    """
    _loaded[model_path] = model
    try:
        yield
    finally:
        del _loaded[model_path]


class FaceModelServer(mlrun.serving.V2ModelServer):  # type: ignore[misc]  # MLRun has no types
    """Answers the V2 inference protocol with the fake probability of every face.

    ``model_path`` is the URI of a registered model (``store://models/…``) or a folder with a model bundle.
    """

    def load(self) -> None:
        """Fetch the bundle and make the predictor; raises InputError when there is no usable model."""
        self.model = _loaded.get(self.model_path) or Predictor(fetch_model(self.model_path))

    def predict(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Score the pictures of a request; raises InputError naming the input that is no picture."""
        options = decode_parameters(request)
        pictures = decode_inputs(request["inputs"], getattr(self.model, "max_bytes", None))
        return encode_outputs([self.model.predict(picture, options) for picture in pictures])

    def validate(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
        """Refuse a request without a list of inputs, in a sentence that a caller can use."""
        if not isinstance(request, dict) or not isinstance(request.get("inputs"), list):
            raise InputError('The request must be an object with a list under "inputs".')
        return request
