"""Every snippet of the description, run against a service that demands its key."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aletheia.serving.operations import FEEDBACK_BODY
from aletheia.serving.snippets import PICTURE, Call, call_of, code_samples

from ..waiting import PATIENCE

KEY = "s3cret"


@pytest.fixture(scope="module")
def locked(serving, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "predictions.sqlite"
    with serving(api_key=KEY, prediction_log=str(log)) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory, jpeg, clip) -> Path:
    """Return a folder with the files that the snippets name."""
    folder = tmp_path_factory.mktemp("snippets")
    (folder / "picture.jpg").write_bytes(jpeg)
    (folder / "video.mp4").write_bytes(clip)
    return folder


def run(source: str, lang: str, folder: Path) -> str:
    """Run a snippet as a user does; returns its standard output."""
    programs = {"shell": ["bash", "-euo", "pipefail", "-c", source], "python": [sys.executable, "-c", source]}
    if lang == "javascript":
        (folder / "snippet.mjs").write_text(source)
    command = programs.get(lang, ["node", "snippet.mjs"])
    environment = {**os.environ, "ALETHEIA_API_KEY": KEY}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, f"{source}\n{done.stderr}{done.stdout}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["shell", "python", "javascript"])
def test_snippets_run(locked, folder, lang, until):
    program = {"shell": "curl", "javascript": "node"}.get(lang)
    if program and shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    until(lambda: locked.client.get("/v2/health/ready").status_code == 200)
    description = locked.client.get("/openapi.json").json()
    found = {
        (method, path): next(sample["source"] for sample in operation["x-codeSamples"] if sample["lang"] == lang)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    }
    job = json.loads(run(found.pop(("post", "/v1/jobs")), lang, folder))["id"]
    answer = json.loads(run(found.pop(("post", "/v1/predict")), lang, folder))
    assert answer["faces"] is not None
    example = FEEDBACK_BODY["content"]["application/json"]["example"]["id"]
    feedback = found.pop(("post", "/v1/feedback")).replace(example, answer["id"])
    assert json.loads(run(feedback, lang, folder))["ok"]
    last = found.pop(("delete", "/v1/jobs/{job_id}"))
    infer = json.loads(run(found.pop(("post", "/v2/models/{name}/infer")), lang, folder))
    assert infer["outputs"]
    versions = [key for key in found if "{version}" in key[1]]  # the same routes with a version: one tells enough
    for key in versions[1:]:
        del found[key]
    for source in [*found.values(), last]:
        assert run(source.replace("/JOB", f"/{job}"), lang, folder)


def test_snippets_carry_what_is_needed():
    plain = [sample["source"] for sample in code_samples(Call("GET", "http://h/x"))]
    assert all("http://h/x" in source and "Authorization" not in source for source in plain)
    form = call_of("POST", "u", {"requestBody": {"content": {"multipart/form-data": {}}}}, needs_key=True)
    assert form == Call("POST", "u", "video.mp4", needs_key=True)
    for sample in code_samples(form):
        assert "video.mp4" in sample["source"] and "ALETHEIA_API_KEY" in sample["source"]
    for sample in code_samples(Call("POST", "u", body={"data": [PICTURE], "share": "5 %"})):
        assert "picture.jpg" in sample["source"] and PICTURE not in sample["source"]
