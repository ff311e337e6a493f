"""A running service follows what is in production."""

from __future__ import annotations

import contextlib
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.inference.predictor import Predictor
from aletheia.models.spec import read_spec
from aletheia.serving.config import ServeConfig, followed_models
from aletheia.serving.following import ProductionFollower

from ..bucket_server import bucket_server, forget, use
from .helpers import form


@pytest.mark.parametrize(
    ("models", "followed"),
    [
        ((), ("aletheia", "detector")),
        (("production",), ("aletheia", "detector")),
        (("store://models/mine/other:production",), ("mine", "other")),
        (("candidate",), None),
        (("v1.0.0",), None),
        (("store://models/mine/other:v1.0.0",), None),
        (("production", "candidate"), None),
    ],
)
def test_followed_models(models, followed):
    assert followed_models(ServeConfig(models=models)) == followed


@pytest.fixture
def copies(two_bundles, tmp_path) -> list[Path]:
    """Copies of the two, to be damaged."""
    return [Path(shutil.copytree(folder, tmp_path / f"model-{i}")) for i, folder in enumerate(two_bundles)]


@pytest.fixture
def following(registry, copies, serving):
    """Two registered models, the first one in production, and a running service that follows."""
    versions = [
        registry.register_bundle(folder, read_spec(folder), tag)
        for folder, tag in zip(copies, ("production", "candidate"), strict=True)
    ]
    with serving(models=(f"store://models/{registry.name}/detector:production",), workers=2) as running:
        yield running, versions


@pytest.mark.slow
def test_no_answer_is_lost_or_mixed_while_versions_change(registry, following, copies, jpeg, until):
    """Requests are in flight all the while; each answer names one version, and its score is that version's."""
    running, versions = following
    scores = [Predictor(folder).predict(jpeg).probability for folder in copies]
    hashes = [read_spec(folder).weights_sha256[:12] for folder in copies]
    assert abs(scores[0] - scores[1]) > 1e-3
    expected = {(version, sha): score for version, sha, score in zip(versions, hashes, scores, strict=True)}
    answers, is_over = [], threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            response = running.client.post("/v1/predict", **form(jpeg))
            assert response.status_code == 200, response.text
            answers.append(response.json())

    def answered_by(version: str) -> bool:
        return answers[-1]["model"]["release"] == version

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        try:
            until(lambda: answers and answered_by(versions[0]))
            registry.change("promote", versions[1])
            until(lambda: answered_by(versions[1]))
            shutil.rmtree(copies[1])  # what is left is damaged
            registry.change("rollback")
            until(lambda: answered_by(versions[0]))
        finally:
            is_over.set()
        for future in asking:
            future.result()
    for answer in answers:
        model = answer["model"]
        assert answer["probability"] == pytest.approx(expected[model["release"], model["version"]], abs=1e-6)
        assert model["uri"] == f"store://models/{registry.name}/detector:production"
    described = running.client.get("/v2/models/detector").json()
    assert (described["release"], described["versions"]) == (versions[0], [hashes[0]])
    shown = re.compile(rf'^aletheia_model_info{{.*release="{versions[0]}"', re.MULTILINE)
    until(lambda: shown.search(running.client.get("/metrics").text))


def test_a_damaged_model_does_not_take_over(registry, following, copies, jpeg, until, caplog):
    running, versions = following
    (copies[1] / "model.onnx").write_bytes(b"damaged")
    uid = registry.catalog().find(versions[1]).uid
    registry.reader.set_tag(registry.name, "production", "detector", uid)  # past the check of its files
    until(lambda: "the model stays the one that it is" in caplog.text)
    assert running.client.post("/v1/predict", **form(jpeg)).json()["model"]["release"] == versions[0]
    registry.change("rollback")
    follower = ProductionFollower(running.app.state.service, registry.name)
    assert not follower.poll()


def test_a_promoted_candidate_is_named_by_its_new_tag(registry, copies, serving, jpeg):
    version = registry.register_bundle(copies[0], read_spec(copies[0]), "candidate")
    with serving(models=(f"store://models/{registry.name}/detector:candidate",)) as running:
        service = running.app.state.service
        follower, opened = ProductionFollower(service, registry.name), service.loaded
        assert not follower.poll() and opened.uri.endswith(":candidate")
        registry.change("promote", version)
        assert follower.poll() and not follower.poll()
        assert service.loaded.uri.endswith(":production") and service.loaded.predictor is opened.predictor
        registry.reader.remove_tag(registry.name, "production", "detector", opened.artifact)
        assert not follower.poll() and service.loaded.release == version


def test_poll_without_a_tracking_server(served, monkeypatch):
    monkeypatch.setattr("aletheia.tracking.connect.reachable_tracking", lambda: None)
    with pytest.raises(InputError, match="does not answer"):
        ProductionFollower(served.app.state.service).poll()


@pytest.mark.slow
def test_versions_in_a_bucket_are_followed_and_gone_back_to_without_its_server(
    registry, two_bundles, serving, jpeg, tmp_path, monkeypatch, until
):
    """The last of three takes two rollbacks back to the first, which the service holds no more and the mirror does."""
    registry.served = tmp_path / "served"
    folders = [registry.served / "models" / f"v{i}" / "detector" for i in range(3)]
    for folder, source in zip(folders, (*two_bundles, two_bundles[0]), strict=True):
        shutil.copytree(source, folder)
    try:
        with contextlib.ExitStack() as server:
            use(monkeypatch, server.enter_context(bucket_server(registry.served)), tmp_path / "cache")
            first, *others = (
                registry.register_bundle(folder, read_spec(folder), tag)
                for folder, tag in zip(folders, ("production", "candidate", "candidate"), strict=True)
            )
            with serving(models=(f"store://models/{registry.name}/detector:production",), workers=1) as running:

                def release() -> str:
                    return running.client.post("/v1/predict", **form(jpeg)).json()["model"]["release"]

                assert release() == first
                for version in others:
                    registry.change("promote", version)
                    until(lambda version=version: release() == version)
                server.close()
                with pytest.raises(InputError, match="does not answer"):
                    registry.catalog().find(first).fetch()
                for version in (others[0], first):
                    registry.change("rollback")
                    until(lambda version=version: release() == version)
    finally:
        monkeypatch.undo()
        forget()
