"""The process that scores pictures with the model that does not answer, on time that nobody else wants.

Started by `aletheia.serving.shadow` with the descriptor of its socket. It gets one picture at a time, as pixels in
shared memory, with the folder of the model; it ends when the service does.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from aletheia.core.errors import InputError
from aletheia.serving.ipc import ChannelError, read_into, receive, send

if TYPE_CHECKING:
    from aletheia.inference.predictor import Predictor

_MODELS = 2  # that are kept open: those of an experiment


def run(link: socket.socket) -> None:
    """Answer until the other side is gone."""
    import numpy as np

    from aletheia.inference.predictor import Predictor

    models: dict[tuple[str, str], Predictor] = {}
    send(link, {"ready": True})
    while True:
        message, descriptor = receive(link)
        if descriptor is None:
            raise ChannelError("no picture")
        try:
            rgb = np.empty(message["shape"], np.uint8)
            read_into(descriptor, rgb.data.cast("B"))
        finally:
            os.close(descriptor)
        place = message["folder"], message["precision"]
        try:
            if place not in models:
                while len(models) >= _MODELS:
                    del models[next(iter(models))]
                models[place] = Predictor(message["folder"], threads=1, precision=message["precision"])
            answer = _score(models[place], message["version"], rgb)
        except InputError as error:
            answer = {"error": str(error)[:500]}
        send(link, answer)


def _score(model: Predictor, version: str, rgb: Any) -> dict[str, Any]:
    if not model.spec.weights_sha256.startswith(version):
        raise InputError(f"the files of the model have changed: its version is no longer {version}")
    prediction = model.predict_pixels(rgb)
    return {"verdict": prediction.verdict, "probability": prediction.probability}


def lower_priority() -> None:
    """Let the process run only when no other wants the processor; where that is unknown, with the lowest priority."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):
        os.nice(19)


if __name__ == "__main__":
    lower_priority()  # before threads are started, which inherit it
    with contextlib.suppress(ChannelError, KeyboardInterrupt), socket.socket(fileno=int(sys.argv[1])) as remote:
        run(remote)
