"""MLRun's serving graph in this process: the very function that would run on Nuclio, with the model that is loaded."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from pathlib import Path
from typing import Any

from aletheia.inference.errors import RequestError
from aletheia.serving.admission import Turn
from aletheia.serving.protocol import checked_id, chosen_outputs
from aletheia.serving.schemas import model_info
from aletheia.serving.service import Service

logger = logging.getLogger("aletheia.serving")

FUNCTION = Path("functions/serve")
_POLL_SECONDS = 0.05
_building = threading.Lock()


class Graph:
    """Built by a thread of its own: importing MLRun takes longer than everything else of a start.

    Parameters
    ----------
    service : Service
        Whose model the graph answers with.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._server: Any = None
        self._done = threading.Event()

    def build(self) -> None:
        """Import MLRun and build the graph. A failure is logged; requests are told."""
        try:
            self._server = _mock_server(self._service)
        except Exception:
            logger.exception("the serving graph could not be built; /v2/models/…/infer does not answer")
        finally:
            self._done.set()

    def check(self) -> None:
        """Raise Refused when the graph is not built yet, or could not be."""
        if not self._done.is_set():
            raise RequestError(
                "not_ready", "The serving graph is not there yet; try again in 5 seconds.", retry_after=5
            )
        if self._server is None:
            raise RequestError("not_ready", "The serving graph could not be built: the log says why. Ask /v1/predict.")

    async def ready(self, seconds: float) -> None:
        """Wait until the graph is built; Refused when it is not within so many seconds, or could not be."""
        deadline = time.monotonic() + seconds
        while not self._done.is_set() and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
        self.check()

    def infer(self, request: dict[str, Any], turn: Turn) -> dict[str, Any]:
        """Answer a request of the V2 inference protocol, for a caller that has its turn, with a graph that is ready.

        Parameters
        ----------
        request : dict
            With ``inputs``, see `aletheia.serving.protocol`; the names of the ``outputs`` that are wanted, and an
            ``id`` to be given back, if any.
        turn : Turn

        Returns
        -------
        dict
            What the graph answers, with the model's version and, as ``parameters``, the rest of what is said of the
            model and the time of each stage in milliseconds.

        Raises
        ------
        Refused
            When the request does not fit, or takes too long.
        """
        from mlrun.serving.server import MockEvent

        # Only these: MLRun would take a model, an operation, or the address of a picture from the body as well.
        body = {"inputs": request["inputs"]} if "inputs" in request else {}
        if "id" in request:
            body["id"] = checked_id(request["id"])
        event = MockEvent(body, path=f"/v2/models/{self._service.loaded.name}/infer", method="POST")
        with self._service.timed(turn) as stages:
            answer = self._server.run(event, get_body=True)
        if stages.refused:  # MLRun made a text of it
            raise stages.refused
        if getattr(answer, "status_code", 200) >= 300:
            raise RequestError("bad_request", _message(answer.body))
        self._service.metrics.timed(stages)
        info = model_info(self._service.loaded)
        return {
            **answer,
            "model_version": info["version"],
            "parameters": {**info, "timing_ms": stages.milliseconds()},
            "outputs": chosen_outputs(request, answer["outputs"]),
        }


def _mock_server(service: Service) -> Any:
    import mlrun
    from mlrun.utils import logger as mlrun_logger

    from aletheia.serving.server import FaceModelServer, lend

    # It would write a traceback for every request that does not fit.
    mlrun_logger.set_logger_level("CRITICAL")
    file = FUNCTION / "function.yaml"
    if file.is_file():
        function, namespace = mlrun.import_function(str(file)), {}
        class_name = function.spec.default_class
        # Its source lies beside it: else a copy would be left in the folder of temporary files.
        function.spec.build.origin_filename = str(FUNCTION / "function.py")
    else:
        function = mlrun.new_function("serve", kind="serving", image="mlrun/mlrun")
        class_name, namespace = FaceModelServer.__name__, {FaceModelServer.__name__: FaceModelServer}
    function.set_topology("router")
    with _building, lend(service.loaded.uri, service):  # two services of one process may have the same model
        function.add_model(service.loaded.name, class_name=class_name, model_path=service.loaded.uri)
        return function.to_mock_server(namespace=namespace)


def _message(body: Any) -> str:
    """The sentence of an error, without the name of its class."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    name, colon, rest = text.partition(": ")
    return (rest if colon and name.isidentifier() else text)[:1000]
