"""Earlier evaluations on the same rows: the hash that finds them, and their count in the tracking service."""

from __future__ import annotations

import pandas as pd
import pytest

from aletheia.release.tries import TEST_SET, WEIGHTS, count_tries, hash_rows, note_try


@pytest.fixture
def rows() -> pd.DataFrame:
    frame = pd.DataFrame({"path": [f"/a/{k}.png" for k in range(6)], "label": ["real", "fake"] * 3})
    return frame.assign(sha256=[f"{k:064x}" for k in range(6)], crop_size=96)


def test_hash_rows_ignores_order_folder_and_crops(rows):
    moved = rows.iloc[::-1].assign(path=[f"/b/{k}.png" for k in range(6)], crop_size=64)
    assert hash_rows(rows) == hash_rows(moved)
    assert hash_rows(rows) != hash_rows(rows.iloc[:5])
    assert hash_rows(rows) != hash_rows(rows.assign(label=["fake", "real"] * 3))


def test_hash_rows_without_hashes_takes_what_names_the_picture(rows):
    bare = rows.drop(columns="sha256")
    assert hash_rows(bare) != hash_rows(bare.assign(path=[f"/b/{k}.png" for k in range(6)]))
    known = bare.assign(phash=range(1, 7))
    assert hash_rows(known) == hash_rows(known.assign(path=[f"/b/{k}.png" for k in range(6)]))


def test_count_tries_counts_each_model_once(mlrun_project, rows):
    import mlrun

    test_set = hash_rows(rows)
    logged = [(test_set, "a"), (test_set, "b"), (test_set, "a"), ("another", "c"), (test_set, "")]
    for k, (found, weights) in enumerate(logged):
        body = {
            "metadata": {"name": f"run-{k}", "uid": f"{k:032x}", "project": mlrun_project.name},
            "status": {"state": "completed", "results": {TEST_SET: found, WEIGHTS: weights}},
        }
        mlrun.get_run_db().store_run(body, f"{k:032x}", mlrun_project.name)
    tries = count_tries(rows, project=mlrun_project.name)
    assert tries.test_set == test_set and tries.models == {"a", "b"}


def test_note_try_is_counted_by_later_ones(mlrun_project, rows):
    name = mlrun_project.name
    assert [note_try(rows, weights, project=name).models for weights in ("a", "b", "a")] == [set(), {"a"}, {"a", "b"}]
    assert count_tries(rows.iloc[:5], project=name).models == set()


def test_note_try_without_a_tracking_service(rows, monkeypatch):
    monkeypatch.setattr("aletheia.tracking.connect.reachable_tracking", lambda: None)
    monkeypatch.setattr("aletheia.tracking.reachable_tracking", lambda: None, raising=False)
    assert note_try(rows, "a", project="aletheia") is None
    monkeypatch.setattr("aletheia.tracking.reachable_tracking", lambda: "http://127.0.0.1:9")
    assert note_try(rows, "a", project="aletheia") is None  # it went away
