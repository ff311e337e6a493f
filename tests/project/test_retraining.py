"""Whether a retraining is due, and what came of one, without a training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.core.process_lock import process_lock
from aletheia.core.settings import get_settings
from aletheia.datasets.ingest import load_source
from aletheia.lifecycle.model_versions.catalog import ModelVersion
from aletheia.lifecycle.prediction_log.table import PredictionTable
from aletheia.lifecycle.retraining.champion import Champion
from aletheia.lifecycle.retraining.record import lock_path, read_record
from aletheia.models.spec import ModelSpec, write_spec
from aletheia.project import retraining as module
from aletheia.project.retraining import FAILED, REFUSED, REGISTERED, outcome_of, plan_retraining, run_retraining

from ..lifecycle.logs import START, VERSION, traffic

CREATED = "2026-09-01T00:00:00+00:00"
MODEL = ModelVersion("v1.0.0", "u" * 40, (), {}, CREATED, "", "attention_cnn", {}, "production")


@pytest.fixture
def champion(tmp_path, monkeypatch, tracking_url):
    """A champion whose training data are three of the pictures of `face_folder`."""
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path / "data"))
    spec = ModelSpec(
        architecture="attention_cnn",
        input_size=64,
        weights_sha256=VERSION + "0" * 52,
        metrics={"test_fpr": 0.1, "test_fnr": 0.1},
    )
    (tmp_path / "model").mkdir()
    write_spec(tmp_path / "model", spec)
    found = Champion(MODEL, tmp_path / "model", {}, {}, {"train": "a", "val": "b", "test": "c"})
    monkeypatch.setattr(module, "find_champion", lambda reader, project, word: found)
    return found


@pytest.fixture
def parts(monkeypatch, face_folder):
    """Its data: the genuine pictures of the folder."""
    rows = load_source(face_folder, progress=False).manifest
    known = rows[rows["label"] == "real"]
    monkeypatch.setattr(module, "load_parts", lambda *_, **__: {"train": known, "test": known.iloc[:0]})


@pytest.fixture
def log(tmp_path):
    table = PredictionTable(tmp_path / "predictions.sqlite")
    table.append([*traffic(300), *traffic(100, seed=1, start=START + 9000, luma=4.0)])
    table.close()
    return tmp_path / "predictions.sqlite"


def plan(log, *add, when=("now",), **options):
    return plan_retraining(add, when, log=log, **options)


def test_now_with_new_faces(champion, parts, log, face_folder):
    found = plan(log, face_folder)
    assert (found.due, found.n_new, found.reason) == (True, 4, "It was asked for.")
    assert json.loads(json.dumps(found.to_dict()))["champion"] == "v1.0.0"


def test_nothing_new_is_never_due(champion, parts, log, face_folder, tmp_path):
    genuine = tmp_path / "genuine"
    genuine.mkdir()
    (face_folder / "real").rename(genuine / "real")
    found = plan(log, genuine)
    assert not found.due and "the model's data hold all of it" in found.reason
    found = plan(log)
    assert not found.due and "name accepted faces" in found.reason


def test_several_triggers(champion, parts, log, face_folder, monkeypatch):
    monkeypatch.setattr(module, "_DAYS", 10_000)
    found = plan(log, face_folder, when=("new-data", "schedule", "performance"), least=5, every=1e9)
    assert not found.due and found.reason == "No trigger fires."
    assert [finding.trigger for finding in found.findings] == ["new-data", "schedule", "performance", "performance"]
    assert plan(log, face_folder, when=("new-data",), least=4).due
    assert plan(log, face_folder, when=("schedule",), every=60).due
    drift = plan(log, face_folder, when=("drift",))
    assert drift.due and "brightness of the faces" in drift.reason
    assert not plan(log.with_name("none.sqlite"), face_folder, when=("drift",)).due
    with pytest.raises(InputError, match="no trigger 'whim'"):
        plan(log, face_folder, when=("whim",))


def test_accepted_labels_show_a_loss(champion, parts, log, face_folder, monkeypatch):
    monkeypatch.setattr(module, "_DAYS", 10_000)
    rows = [f"{VERSION}-0-{n}" for n in range(300)]
    labels = pd.DataFrame({"id": rows, "label": 1, "source": "expert"})  # all fakes: most were called genuine
    monkeypatch.setattr(module, "read_labels", lambda folder: labels)
    found = plan(log, face_folder, when=("performance",))
    assert found.due and "points less often than the evaluation lets expect" in found.reason


def test_accepted_feedback_is_what_is_new(champion, parts, log, save_image):
    from aletheia.lifecycle.feedback.pictures import PictureStore
    from aletheia.lifecycle.feedback.place import pictures_folder, store_path
    from aletheia.lifecycle.feedback.statement import ACCEPTED, Decision, Statement
    from aletheia.lifecycle.feedback.store import FeedbackStore

    folder = log.parent
    store = FeedbackStore(store_path(folder))
    assert plan(log).add == []
    content = save_image(folder / "sent.png", 5).read_bytes()
    name = PictureStore(pictures_folder(folder)).add(content, ".png")
    store.add(Statement("a1", "caller", 1, "expert", 1.0, picture=str(name)))
    assert plan(log).add == []  # said, and not accepted
    store.decide([Decision("a1", ACCEPTED, 1, "expert", 1.0, "me", 2.0)])
    found = plan(log)
    assert (found.n_new, found.due) == (1, True)
    assert [Path(one).name for one in found.add] == ["manifest.csv"]
    assert plan(log).add == found.add  # written once


def test_outcomes():
    results = {
        "add-faces": {"notes": ["2 new faces."]},
        "judge": {"sentences": ["v is accepted."]},
        "register": {"version": "v1.0.1"},
        "hand-over": {"sentences": ["Staged."], "promoted": True},
    }
    done = outcome_of(results, completed=True)
    assert (done["state"], done["version"], done["promoted"]) == (REGISTERED, "v1.0.1", True)
    assert done["sentences"] == ["2 new faces.", "v is accepted.", "Staged."]
    refused = outcome_of({"judge": {"sentences": ["It is refused."]}}, completed=True)
    assert (refused["state"], refused["version"]) == (REFUSED, "")
    assert refused["sentences"][-1] == "Nothing was registered, and nothing changed."
    failed = outcome_of({}, completed=False, errors={"train": "broke"})
    assert failed["state"] == FAILED and failed["sentences"] == ["train failed. Nothing changed."]
    late = outcome_of(results, completed=False, errors={"hand-over": "broke"})
    assert late["sentences"][-1] == "hand-over failed. v1.0.1 is registered, and nothing else changed."


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    """Provide a function after which ALETHEIA_HOME is the test's own."""

    def change():
        monkeypatch.setenv("ALETHEIA_HOME", str(tmp_path / "home"))
        get_settings.cache_clear()

    yield change
    monkeypatch.undo()
    get_settings.cache_clear()


def test_the_successor_of_a_model_in_a_bucket_needs_a_place(champion, parts, log, face_folder, monkeypatch):
    monkeypatch.setattr(ModelVersion, "in_bucket", True)
    with pytest.raises(InputError, match=r"v1\.0\.0 lies in a bucket.* --artifact-path s3://BUCKET/runs"):
        run_retraining(plan(log, face_folder))


def test_run_records_what_came_of_it(champion, parts, log, face_folder, monkeypatch, own_home):
    from aletheia.project import retrain_config, runner

    monkeypatch.setattr(retrain_config.RetrainConfig, "check", lambda self: self)
    found = plan(log, face_folder)
    own_home()
    monkeypatch.setattr(module, "_step_results", lambda runs: {})
    summary = {"state": "completed", "runs": {}, "errors": None}
    seen = []
    monkeypatch.setattr(runner, "run_workflow", lambda config, **words: seen.append((config, words)) or summary)
    outcome = run_retraining(found, auto_promote=True, held_back_share=0.5, artifact_path="s3://bucket/runs")
    assert outcome["state"] == REFUSED == read_record().state
    config, words = seen[0]
    assert (words["name"], words["artifact_path"]) == ("retrain", "s3://bucket/runs")
    assert (config.champion, config.auto_promote, config.held_back_share) == ("v1.0.0", True, 0.5)

    def fail(config, **words):
        raise InputError("train failed. The disk is full.")

    monkeypatch.setattr(runner, "run_workflow", fail)
    with pytest.raises(InputError, match="The disk is full"):
        run_retraining(found)
    assert (read_record().state, read_record().sentences) == (FAILED, ["train failed. The disk is full."])
    with process_lock(lock_path(), "A retraining"), pytest.raises(InputError, match="A retraining is running already"):
        run_retraining(found)
    assert np.isclose(read_record().ended, read_record().started, atol=60)
