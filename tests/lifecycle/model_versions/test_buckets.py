"""Versions whose files lie in a bucket, with a real server: what each command fetches, asks for, and deletes."""

from __future__ import annotations

import contextlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from aletheia.cli import models
from aletheia.core.buckets.addresses import parse_url
from aletheia.core.buckets.mirror import open_mirror
from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.comparison import stored_scores
from aletheia.lifecycle.retraining.champion import find_champion
from aletheia.models.model_files import WEIGHTS
from aletheia.models.spec import read_spec
from aletheia.release import registry as release_registry

from ...bucket_server import Line, bucket_server, forget, use

pytestmark = pytest.mark.slow  # MLRun is imported


@pytest.fixture
def line(registry, tmp_path, monkeypatch):
    """Two versions in the bucket ``models``, the first in production; a line to the server, and a mirror of its own."""
    served = tmp_path / "served"
    registry.folder, registry.served = served / "models", served
    monkeypatch.setattr(release_registry, "PROJECT", registry.name)
    note_scores(registry)
    bundles = [registry.bundle(run="run-of-train"), registry.bundle(run="run-of-train", threshold=0.7)]
    with contextlib.ExitStack() as server:
        line = Line(server.enter_context(bucket_server(served, is_watched=True)))
        line.end_server = server.close
        use(monkeypatch, line.port, tmp_path / "first")
        for bundle, tag in zip(bundles, ("production", "candidate"), strict=True):
            registry.register_bundle(*bundle, tag)
        use(monkeypatch, line.port, tmp_path / "cache")
        line.received = 0
        yield line
        line.close()
    monkeypatch.undo()
    forget()


def note_scores(registry) -> None:
    """Note the evaluation and the training of the models, with tables in the bucket ``runs``."""
    rows = 40
    probability = np.random.default_rng(0).uniform(size=rows)
    scores = pd.DataFrame({"probability": probability, "label": np.where(probability > 0.4, "fake", "real")})
    scores["sha256"] = scores["path"] = [f"{k:064x}" for k in range(rows)]
    scores["original"] = [f"../../faces/{k}.jpg" for k in range(rows)]
    folder = registry.served / "runs" / "one" / "evaluate"
    folder.mkdir(parents=True)
    scores.to_parquet(folder / "scores.parquet")
    target = registry.target(folder / "scores.parquet")
    uri = registry.reader.note_artifact(registry.name, "scores", target, run="run-of-evaluate", name="evaluate")
    for name, inputs in (("evaluate", {"train": uri, "test": uri}), ("train", {})):
        body = {
            "metadata": {"name": name, "uid": f"run-of-{name}", "project": registry.name},
            "spec": {"inputs": inputs},
            "status": {"state": "completed", "artifact_uris": {"scores": uri}},
        }
        registry.http.post(f"/api/v1/projects/{registry.name}/runs/run-of-{name}", json=body).raise_for_status()


def call(*arguments: str) -> str:
    result = CliRunner().invoke(models.app, arguments, env={"COLUMNS": "200"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_lists_ask_no_bucket(registry, line):
    assert "v1.0.1" in call("list") and "gone" not in call("list")
    assert f"s3://models/{registry.catalog().production.target[12:44]}" in call("show", "production")
    assert "register" in call("history")
    assert line.received == 0


def test_promotion_compares_and_fetches_and_a_rollback_needs_no_server(registry, line):
    values = json.loads(call("compare", "v1.0.0", "v1.0.1", "--json"))
    assert [row["name"] for row in values["recipe"]] == ["threshold"]
    assert values["scores"]["n"] == 40 and not values["reasons"]
    call("promote", "v1.0.1")
    line.end_server()
    forget()
    before = line.received
    assert registry.change("rollback").model.name == "v1.0.0"
    assert line.received == before and registry.production() == ["v1.0.0"]
    message = r"v1\.0\.1 cannot be had: s3://models/.*: the server .* does not answer .* Check AWS_ENDPOINT_URL_S3"
    with pytest.raises(InputError, match=message):
        registry.change("promote", "v1.0.1")  # others would not get it either


def test_a_copy_here_does_not_hide_what_happened_in_the_bucket(registry, line):
    model = registry.catalog().find("v1.0.1")
    model.fetch()
    (registry.served / model.target.removeprefix("s3://") / WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(InputError, match=rf"v1\.0\.1 cannot be had: s3://models.*{WEIGHTS} is not the file"):
        registry.change("promote", "v1.0.1")
    assert registry.production() == ["v1.0.0"]


def test_prune_deletes_nothing_in_a_bucket_and_says_where_it_lies(registry, line):
    registry.change("retire", "v1.0.1")
    files = sorted(registry.served.rglob("*"))
    target = registry.catalog().find("v1.0.1").target
    output = call("prune", "--keep", "0")
    assert f"Not deleted, since it lies in a bucket: v1.0.1. To delete it: aws s3 rm --recursive {target}" in output
    assert json.loads(call("prune", "--keep", "0", "--json"))["in_buckets"] == {"v1.0.1": target}
    assert sorted(registry.served.rglob("*")) == files and line.received == 0


def test_tables_of_a_bucket_name_addresses(registry, line):
    model = registry.catalog().find("v1.0.0")
    scores = stored_scores(model, reader=registry.reader, project=registry.name)
    assert scores["original"].tolist() == [f"s3://runs/faces/{k}.jpg" for k in range(40)]
    assert scores["path"][3] == str(open_mirror().local(parse_url(f"s3://runs/one/evaluate/{3:064x}")))
    assert not list(open_mirror().files.rglob(f"{3:064x}"))
    line.end_server()
    forget()
    with pytest.raises(InputError, match=r"the scores of v1\.0\.0 are gone \(s3://runs/one/evaluate/scores\.parquet: "):
        stored_scores(model, reader=registry.reader, project=registry.name)


def test_champion_of_a_retraining(registry, line):
    champion = find_champion(registry.reader, registry.name)
    assert champion.model.name == "v1.0.0" and champion.spec == read_spec(champion.folder)
    assert set(champion.parts) == {"train", "test"}


def test_import_and_inspect_take_files_of_a_bucket(registry, line, tmp_path, brightness_bundle):
    shutil.copytree(brightness_bundle, registry.served / "models" / "mine")
    assert json.loads(call("inspect", "s3://models/mine", "--json"))["architecture"] == "attention_cnn"
    target = f"s3://models/mine/{WEIGHTS}"
    assert "attention_cnn" in call("inspect", target)
    options = ("--architecture", "attention_cnn", "--option", "width=4", "--input-size", "32")
    with pytest.raises(InputError, match="name a folder of this machine; `aws s3 sync`"):
        call("import", target, *options, "--output", "s3://models/other")
    call("import", target, *options, "--output", str(tmp_path / "mine"))
    assert read_spec(tmp_path / "mine").architecture == "attention_cnn"
    with pytest.raises(InputError, match=r"s3://models/mine lies on another machine"):
        call("export", "s3://models/mine", "--faces", str(tmp_path))
