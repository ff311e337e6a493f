"""MLRun's serving graph in this process: the function that would run on Nuclio, with the models that are loaded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError
from aletheia.inference.errors import RequestError
from aletheia.lifecycle.experiments.assignment import ROLES, TrafficSplit
from aletheia.serving.admission import Turn
from aletheia.serving.protocol import answer_id, check_id, decode_inputs, decode_parameters, select_outputs
from aletheia.serving.schemas import model_info
from aletheia.serving.service import InferenceService
from aletheia.serving.traffic import CurrentRequest
from aletheia.tracking.connect import without_server

logger = logging.getLogger("aletheia.serving")

FUNCTION = Path("functions/serve")
_POLL_SECONDS = 0.05


class ServingGraph:
    """The graph, built in a thread of its own: importing MLRun takes longer than everything else of a start.

    Parameters
    ----------
    service : InferenceService
        The graph answers with its model, or in an experiment with its two models.
    """

    def __init__(self, service: InferenceService) -> None:
        self._service = service
        self._server: Any = None
        self._runners: queue.SimpleQueue[Any] = queue.SimpleQueue()  # with two models, one a worker
        self._is_runner = False
        self._is_built, self._is_closed = threading.Event(), threading.Event()

    def build(self) -> None:
        """Import MLRun and build the graph, for `close` to end. A failure is logged, and reported to requests."""
        try:
            with without_server():  # by one thread at a time: two services of a process may have the same model
                self._build()
        except Exception:
            logger.exception("the serving graph could not be built; /v2/models/…/infer does not answer")
        finally:
            self._is_built.set()
        if self._is_closed.is_set():
            self._end_runners()

    def _build(self) -> None:
        experiment = self._service.traffic.experiment
        if experiment is None:
            self._server = _mock_server(self._service)
            return
        servers = [_runner_server(self._service, experiment.split) for _ in range(self._service.config.workers)]
        for server in servers:  # each does one request after the other
            self._runners.put(server)
        self._server, self._is_runner = servers[0], True

    def close(self) -> None:
        """End the threads of a graph with two models, which would keep the process from ending."""
        self._is_closed.set()
        self._end_runners()

    def _end_runners(self) -> None:
        while self._is_runner:
            try:
                server = self._runners.get_nowait()
            except queue.Empty:
                return
            server.wait_for_completion()

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

    def infer(self, request: dict[str, Any], turn: Turn, version: str = "", key: str | None = None) -> dict[str, Any]:
        """Answer a request of the V2 inference protocol, for a caller that holds a turn, with a graph that is ready.

        Parameters
        ----------
        request : dict
            With ``inputs``, see `aletheia.serving.protocol`; optionally ``parameters``, the names of the ``outputs`` to
            send, and an ``id`` for the answer.
        turn : Turn
        version : str
            Of the model that is asked; empty: whichever answers.
        key : str, optional
            That the caller sent, see `InferenceService.assign`.

        Returns
        -------
        dict
            The graph's answer, with the model's version and, as ``parameters``, the rest of `model_info` and the time
            of each stage in milliseconds. Its id is the request's, else that of its only picture's answer, by which
            feedback refers to it.

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
        assignment = self._service.assign(key, self._contents(body), version)
        with self._service.timed(turn, assignment) as current:
            answer = self._run(event, current)
        stages = current.stages
        if stages.refused:  # MLRun has turned the exception into a text
            raise stages.refused
        if getattr(answer, "status_code", 200) >= 300:
            raise RequestError("bad_request", _error_message(answer.body))
        if "error" in answer:
            raise RequestError("bad_request", _error_message(answer["error"]))
        self._service.metrics.observe_stages(stages)
        info = model_info(assignment.model, assignment.role)
        return {
            **{name: value for name, value in answer.items() if name != "role"},  # which is among the parameters
            "id": body.get("id") or answer_id(answer["outputs"]),
            "model_version": info["version"],
            "parameters": {**info, "timing_ms": stages.milliseconds()},
            "outputs": select_outputs(request, answer["outputs"]),
        }

    def _contents(self, body: dict[str, Any]) -> Iterator[bytes | memoryview]:
        """Yield what the pictures of a request are hashed by, and keep them in the body as they were decoded."""
        from aletheia.serving.model_runner import content_of

        try:
            body["inputs"] = decode_inputs(body["inputs"], self._service.max_bytes)
        except (InputError, KeyError, TypeError):  # the graph says what is wrong
            return
        yield from map(content_of, body["inputs"])

    def _run(self, event: Any, current: CurrentRequest) -> Any:
        if not self._is_runner:
            return self._server.run(event, get_body=True)
        from aletheia.serving.model_runner import REQUEST

        server = self._runners.get()
        try:
            event.body[REQUEST] = current
            return server.run(event, get_body=True)
        finally:
            self._runners.put(server)


def _mock_server(service: InferenceService) -> Any:
    from aletheia.serving.server import use_loaded_model

    function, class_name, namespace = _function()
    function.set_topology("router")
    loaded = service.loaded  # one model, should another take over just now
    with use_loaded_model(loaded.uri, service):
        function.add_model(loaded.name, class_name=class_name, model_path=loaded.uri)
        return function.to_mock_server(namespace=namespace)


def _runner_server(service: InferenceService, split: TrafficSplit) -> Any:
    """Build a graph with two models, which answer as the class of the project's function does."""
    import mlrun

    from aletheia.serving.model_runner import FaceModel, add_models
    from aletheia.serving.server import use_loaded_model

    function, class_name, namespace = _function()
    if class_name not in namespace:
        namespace[class_name] = getattr(mlrun.run.function_to_module(function, silent=True), class_name)
    model_class = type("ServiceModel", (FaceModel,), {"server_class": namespace[class_name]})
    namespace[model_class.__name__] = model_class
    paths = {role: f"the {role} of the service" for role in ROLES}
    add_models(function, paths, split, model_class=model_class.__name__, model_name=service.loaded.name)
    with contextlib.ExitStack() as stack:
        for path in paths.values():
            stack.enter_context(use_loaded_model(path, service))
        return function.to_mock_server(namespace=namespace)


def _function() -> tuple[Any, str, dict[str, Any]]:
    """Return the project's serving function, the name of its class, and classes that are not in its source."""
    import mlrun
    from mlrun.utils import logger as mlrun_logger

    from aletheia.serving.server import FaceModelServer

    # MLRun would log a traceback for every request that does not fit.
    mlrun_logger.set_logger_level("CRITICAL")
    file = FUNCTION / "function.yaml"
    if not file.is_file():
        function = mlrun.new_function("serve", kind="serving", image="mlrun/mlrun")
        return function, FaceModelServer.__name__, {FaceModelServer.__name__: FaceModelServer}
    function = mlrun.import_function(str(file))
    # Names the source beside it: else MLRun would leave a copy in the folder of temporary files.
    function.spec.build.origin_filename = str(FUNCTION / "function.py")
    return function, function.spec.default_class, {}


def _error_message(body: Any) -> str:
    """Return the sentence of an error without the name of its class."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    name, colon, rest = text.partition(": ")
    return (rest if colon and name.isidentifier() else text)[:1000]
