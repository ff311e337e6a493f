"""A serving graph with two models: MLRun's `ModelRunnerStep`, whose selector gives each request one of them.

`add_models` builds it for the service and for Nuclio alike. There, each model is loaded from its own URI, and the
selector applies the rule of `aletheia.lifecycle.experiments.assignment` to the event's headers and pictures; inside the
service, the request brings the model that it was given by the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import mlrun.serving
import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.lifecycle.experiments.assignment import CHAMPION, KEY_HEADER, ROLES, TrafficSplit, request_key
from aletheia.serving.protocol import decode_inputs
from aletheia.serving.server import FaceModelServer
from aletheia.serving.traffic import CurrentRequest

#: Where the service puts the request that an event belongs to.
REQUEST = "request"
_NAME = "detector"


class FaceModel(mlrun.serving.Model):  # type: ignore[misc]  # MLRun has no types
    """One of the models of the step: answers as its `server_class` does.

    Parameters
    ----------
    name : str
        One of `ROLES`.
    model_path : str
        URI of a registered model (``store://models/…``) or a folder with a model bundle.
    model_name : str
        Name in the V2 inference protocol.
    """

    server_class: ClassVar[type[FaceModelServer]] = FaceModelServer

    def __init__(self, name: str, model_path: str = "", model_name: str = _NAME, **options: Any) -> None:
        super().__init__(name=name, **options)
        self.model_path, self.model_name = model_path, model_name

    def load(self) -> None:
        """Fetch and open the model; raises InputError when there is no usable one."""
        self._server = self.server_class(name=self.model_name, model_path=self.model_path)
        self._server.load()

    def predict(self, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Answer a request of the V2 inference protocol."""
        request = body.pop(REQUEST, None)
        if isinstance(request, CurrentRequest):
            with request.entered():
                return self._answer(body)
        return self._answer(body)

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        outputs = self._server.predict(self._server.validate(body, "infer"))
        answer = {"model_name": self.model_name, "outputs": outputs, "role": self.name}
        return {"id": body["id"], **answer} if "id" in body else answer


class SplitSelector(mlrun.serving.ModelRunnerSelector):  # type: ignore[misc]  # MLRun has no types
    """Gives each request one of two models, see `aletheia.lifecycle.experiments.assignment`.

    Parameters
    ----------
    share : float
        Of requests that the challenger answers, 0 to 1.
    salt : str
        Of the hash; the service takes the SHA-256 of the challenger's weights.
    """

    def __init__(self, share: float = 0.0, salt: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.share, self.salt = share, salt

    def select_models(self, event: Any, available_models: list[Any]) -> list[str]:
        """Return the role that answers the event."""
        body = event.body if isinstance(event.body, dict) else {}
        request = body.get(REQUEST)
        if isinstance(request, CurrentRequest):
            return [request.assignment.role]
        header = next(
            (value for name, value in (event.headers or {}).items() if name.lower() == KEY_HEADER.lower()), ""
        )
        try:
            pictures = decode_inputs(body["inputs"]) if not header else []
        except (InputError, KeyError, TypeError):
            return [CHAMPION]  # which says what is wrong with the request
        return [TrafficSplit(self.share, self.salt).role(request_key(header, map(content_of, pictures)))]


def content_of(picture: bytes | Array) -> bytes | memoryview:
    """Return what a picture of a request is hashed by: its file, or its pixels."""
    return np.ascontiguousarray(picture).data.cast("B") if isinstance(picture, np.ndarray) else picture


def unwrap(body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of the one model that was asked: the step gives it under the model's name."""
    (answer,) = body.values()
    return dict(answer)


def add_models(
    function: Any,
    paths: Mapping[str, str],
    split: TrafficSplit,
    *,
    model_class: str = f"{__name__}.FaceModel",
    model_name: str = _NAME,
) -> None:
    """Make the graph of a serving function one with two models.

    Parameters
    ----------
    function : mlrun.runtimes.ServingRuntime
        Changed.
    paths : mapping of str to str
        URI or folder of the models of both `ROLES`.
    split : TrafficSplit
    model_class : str
        A class like `FaceModel`, by its name in the function's source, or by its full one.
    model_name : str
        Name in the V2 inference protocol.
    """
    graph = function.set_topology("flow", engine="async", exist_ok=True)
    step = mlrun.serving.ModelRunnerStep(
        name="models",
        model_runner_selector=f"{__name__}.SplitSelector",
        model_runner_selector_parameters={"share": split.share, "salt": split.salt},
        raise_exception=False,  # the error is in the answer
    )
    for role in ROLES:
        step.add_model(
            role,
            model_class,
            "naive",  # in the thread of the graph: there is one graph a worker
            inputs=["image"],
            outputs=["fake_probability"],
            model_path=paths[role],
            model_name=model_name,
        )
    graph.to(step).to(name="answer", handler=f"{__name__}.unwrap").respond()
