"""Versions that lie in a bucket, by the commands that one types: each a process, on a machine that has none of them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from aletheia.inference.predictor import Predictor
from aletheia.lifecycle.staging.integration_tests import CODES
from aletheia.models.spec import read_spec
from aletheia.release import registry as release_registry
from aletheia.release.golden_answers import draw_pictures

from ..bucket_server import SECRET, bucket_server, environment, use
from ..lifecycle.staging.conftest import with_golden
from ..lifecycle_factories import Registry
from ..waiting import free_port, wait_for
from .conftest import Checkout

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """A checkout whose tracking service has two versions in buckets, of which the second was evaluated there."""
    checkout, served = Checkout(tmp_path_factory.mktemp("versions")), tmp_path_factory.mktemp("served")
    folders = [with_golden(served / "models" / name / "detector", seed) for name, seed in (("one", 4), ("two", 5))]
    url = checkout.command(
        "python", "-c", "from aletheia.tracking import ensure_tracking; print(ensure_tracking())", check=True
    ).stdout.splitlines()[-1]
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as server:
        port = server.enter_context(bucket_server(served))
        patch.setenv("MLRUN_DBPATH", url)
        use(patch, port, tmp_path_factory.mktemp("registering"))
        registry = Registry(url, served, release_registry.PROJECT)
        registry.served = served
        registry.register_bundle(folders[0], read_spec(folders[0]), "production", staged=False)
        registry.register_bundle(folders[1], read_spec(folders[1]), "candidate", staged=False)
        note_evaluation(registry, folders[1])
        checkout.environment |= environment(port) | {"ALETHEIA_CACHE": str(tmp_path_factory.mktemp("cache"))}
        checkout.end_server = server.close
        yield checkout
    checkout.command("aletheia", "tracking", "stop")


def note_evaluation(registry: Registry, folder) -> None:
    """Note the scores of an evaluation, whose table and pictures lie in the bucket ``runs``."""
    predictor, rows, place = Predictor(folder), [], registry.served / "runs" / "one" / "evaluate"
    (place / "files").mkdir(parents=True)
    for number, picture in enumerate(draw_pictures()):
        (place / "files" / f"{number}.jpg").write_bytes(picture)
        rows += [(f"files/{number}.jpg", face.probability) for face in predictor.predict(picture).faces[:1]]
    scores = pd.DataFrame(rows, columns=["original", "probability"]).assign(face_index=0, frame_time=np.nan)
    scores["label"] = np.where(np.arange(len(scores)) % 2, "fake", "real")
    scores["sha256"] = [f"{k:064x}" for k in range(len(scores))]
    scores.to_parquet(place / "scores.parquet")
    target = registry.target(place / "scores.parquet")
    uri = registry.reader.note_artifact(registry.name, "scores", target, run="run-of-evaluate", name="evaluate")
    body = {
        "metadata": {"name": "evaluate", "uid": "run-of-evaluate", "project": registry.name},
        "status": {"state": "completed", "artifact_uris": {"scores": uri}},
    }
    registry.http.post(f"/api/v1/projects/{registry.name}/runs/run-of-evaluate", json=body).raise_for_status()


def command(checkout: Checkout, *arguments: str, code: int = 0, **env: str) -> str:
    """Run `aletheia …`, and return its output; a failure's error instead."""
    done = checkout.command("aletheia", *arguments, **env)
    assert done.returncode == code, f"{arguments}: {done.stdout[-3000:]} {done.stderr[-3000:]}"
    assert SECRET not in done.stdout + done.stderr and "Traceback" not in done.stderr
    return done.stderr if code else done.stdout


def fetched(checkout: Checkout) -> set[str]:
    """Objects that lie on this machine: bucket and first folder of each."""
    objects = Path(checkout.environment["ALETHEIA_CACHE"]).glob("objects/*/files/*/*")
    return {"/".join(each.parts[-2:]) for each in objects}


@contextlib.contextmanager
def service(checkout: Checkout, *options: str) -> Iterator[httpx.Client]:
    """Serve what is in production, or what the options say, as long as the block lasts."""
    words = ("--port", str(port := free_port()), "--no-page", "--no-record", *options)
    process = checkout.start("aletheia", "serve", *words)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            wait_for(lambda: process.poll() is not None or _is_ready(client))
            yield client
    finally:
        process.terminate()
        _, errors = process.communicate()
    assert SECRET not in errors and "Traceback" not in errors, errors


def _is_ready(client: httpx.Client) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return client.get("/v2/health/ready").is_success
    return False


def release(client: httpx.Client, name: str = "release") -> str:
    answer = client.post("/v1/predict", files={"file": ("picture.jpg", draw_pictures()[0])})
    return answer.json()["model"][name]


def test_a_life_in_a_bucket(versions):
    """In one test, since each command goes on from the one before."""
    assert "v1.0.1" in command(versions, "models", "list") and not fetched(versions)
    gone = {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{free_port()}"}
    message = command(versions, "deploy", "v1.0.1", "--env", "staging", code=2, **gone)
    assert "v1.0.1 cannot be had: s3://models/two/detector: the server" in message and "AWS_ENDPOINT_URL_S3" in message
    message = command(versions, "models", "promote", "v1.0.1", code=2, AWS_SECRET_ACCESS_KEY="another-word")
    assert "v1.0.1 cannot be had: s3://models/two/detector: " in message and "AWS_SECRET_ACCESS_KEY" in message

    with service(versions, "--model", "s3://models/one/detector") as client:
        assert (release(client), release(client, "uri")) == ("", "s3://models/one/detector")
    with service(versions) as client:
        assert release(client) == "v1.0.0" and fetched(versions) == {"models/one"}
        compared = json.loads(command(versions, "models", "compare", "v1.0.0", "v1.0.1", "--json"))
        assert compared["scores"]["n"] == 8 and not compared["reasons"]
        limits = ("--p95-ms", "60000", "--memory-mb", "60000", "--requests", "20")
        report = json.loads(command(versions, "deploy", "v1.0.1", "--env", "staging", "--json", *limits))
        assert {check["code"]: check["state"] for check in report["checks"]} == dict.fromkeys(CODES, "passed")
        assert release(client) == "v1.0.0"
        command(versions, "models", "promote", "v1.0.1")
        wait_for(lambda: release(client) == "v1.0.1")
        versions.end_server()
        command(versions, "models", "rollback")  # what it goes back to lies here
        wait_for(lambda: release(client) == "v1.0.0")
    with service(versions) as client:  # so it starts as well
        assert release(client) == "v1.0.0"
