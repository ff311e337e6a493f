"""The process of the shadow, run in a thread: pixels in, verdict out."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from aletheia.inference.predictor import Predictor
from aletheia.serving.ipc import ChannelError, receive, send, shared_file
from aletheia.serving.shadow_worker import run

from ..waiting import PATIENCE


def test_scores_as_the_predictor(two_bundles, portraits):
    near, far = socket.socketpair()
    ended = []

    def work() -> None:
        try:
            run(far)
        except ChannelError:
            ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    assert receive(near, PATIENCE)[0] == {"ready": True}
    rgb = portraits[0][0]
    for folder in (*two_bundles, two_bundles[0]):
        predictor = Predictor(folder)
        version = predictor.spec.weights_sha256[:12]
        for asked in (version, "other"):
            descriptor = shared_file(rgb.copy().data)
            request = {"shape": list(rgb.shape), "folder": str(folder), "precision": "f32", "version": asked}
            send(near, request, descriptor)
            os.close(descriptor)
            answer = receive(near, PATIENCE)[0]
            if asked == version:
                expected = predictor.predict_pixels(rgb)
                assert answer["verdict"] == expected.verdict
                assert answer["probability"] == pytest.approx(expected.probability, abs=1e-6)
            else:
                assert "have changed" in answer["error"]
    near.close()
    thread.join()
    far.close()
    assert ended == [True]
