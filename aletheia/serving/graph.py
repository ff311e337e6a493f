"""MLRun's serving graph in this process: the function that would run on Nuclio, with the model that is loaded."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from pathlib import Path
from typing import Any

from aletheia.inference.errors import RequestError
from aletheia.serving.admission import Turn
from aletheia.serving.protocol import check_id, decode_parameters, select_outputs
from aletheia.serving.schemas import model_info
from aletheia.serving.service import InferenceService

logger = logging.getLogger("aletheia.serving")

FUNCTION = Path("functions/serve")
_POLL_SECONDS = 0.05
_building = threading.Lock()


class ServingGraph:
    """The graph, built in a thread of its own: importing MLRun takes longer than everything else of a start.

    Parameters
    ----------
    service : InferenceService
        The graph answers with its model.
    """

    def __init__(self, service: InferenceService) -> None:
        self._service = service
        self._server: Any = None
        self._is_built = threading.Event()

    def build(self) -> None:
        """Import MLRun and build the graph. A failure is logged, and reported to requests."""
        try:
            self._server = _mock_server(self._service)
        except Exception:
            logger.exception("the serving graph could not be built; /v2/models/…/infer does not answer")
        finally:
            self._is_built.set()

    def check(self) -> None:
        """Raise RequestError when the graph is not built yet, or could not be."""
        if not self._is_built.is_set():
            raise RequestError(
                "not_ready", "The serving graph is not there yet; try again in 5 seconds.", retry_after=5
            )
        if self._server is None:
            raise RequestError("not_ready", "The serving graph could not be built: the log says why. Ask /v1/predict.")

    async def wait_until_ready(self, timeout: float) -> None:
        """Wait until the graph is built; RequestError when it is not within so many seconds, or could not be."""
        deadline = time.monotonic() + timeout
        while not self._is_built.is_set() and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
        self.check()

    def infer(self, request: dict[str, Any], turn: Turn, version: str = "") -> dict[str, Any]:
        """Answer a request of the V2 inference protocol, for a caller that holds a turn, with a graph that is ready.

        Parameters
        ----------
        request : dict
            With ``inputs``, see `aletheia.serving.protocol`; optionally ``parameters``, the names of the ``outputs`` to
            send, and an ``id`` for the answer.
        turn : Turn
        version : str
            Of the model that is asked; empty: whichever answers.

        Returns
        -------
        dict
            The graph's answer, with the model's version and, as ``parameters``, the rest of `model_info` and the time
            of each stage in milliseconds.

        Raises
        ------
        RequestError
            When the request does not fit, or takes too long.
        """
        from mlrun.serving.server import MockEvent

        # Only these: MLRun would take a model, an operation or the address of a picture from the body as well.
        body = {"inputs": request["inputs"]} if "inputs" in request else {}
        if "id" in request:
            body["id"] = check_id(request["id"])
        if "parameters" in request:
            decode_parameters(request)
            body["parameters"] = request["parameters"]
        event = MockEvent(body, path=f"/v2/models/{self._service.loaded.name}/infer", method="POST")
        with self._service.timed(turn) as stages:
            info = model_info(self._service.answering)
            if version not in ("", info["version"]):  # another model has taken over since the request came
                raise RequestError("not_found", f"Version {version[:60]!r} answers no more; {info['version']!r} does.")
            answer = self._server.run(event, get_body=True)
        if stages.refused:  # MLRun has turned the exception into a text
            raise stages.refused
        if getattr(answer, "status_code", 200) >= 300:
            raise RequestError("bad_request", _error_message(answer.body))
        self._service.metrics.observe_stages(stages)
        return {
            **answer,
            "model_version": info["version"],
            "parameters": {**info, "timing_ms": stages.milliseconds()},
            "outputs": select_outputs(request, answer["outputs"]),
        }


def _mock_server(service: InferenceService) -> Any:
    import mlrun
    from mlrun.utils import logger as mlrun_logger

    from aletheia.serving.server import FaceModelServer, use_loaded_model

    # MLRun would log a traceback for every request that does not fit.
    mlrun_logger.set_logger_level("CRITICAL")
    file = FUNCTION / "function.yaml"
    if file.is_file():
        function, namespace = mlrun.import_function(str(file)), {}
        class_name = function.spec.default_class
        # Names the source beside it: else MLRun would leave a copy in the folder of temporary files.
        function.spec.build.origin_filename = str(FUNCTION / "function.py")
    else:
        function = mlrun.new_function("serve", kind="serving", image="mlrun/mlrun")
        class_name, namespace = FaceModelServer.__name__, {FaceModelServer.__name__: FaceModelServer}
    function.set_topology("router")
    loaded = service.loaded  # one model, should another take over just now
    with (
        _building,
        use_loaded_model(loaded.uri, service),
    ):  # two services of one process may have the same model
        function.add_model(loaded.name, class_name=class_name, model_path=loaded.uri)
        return function.to_mock_server(namespace=namespace)


def _error_message(body: Any) -> str:
    """Return the sentence of an error without the name of its class."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    name, colon, rest = text.partition(": ")
    return (rest if colon and name.isidentifier() else text)[:1000]
