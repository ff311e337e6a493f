"""Earlier evaluations on the same rows: the hash that finds them, and their count in the tracking service."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.release.tries import (
    SHARED,
    TEST_SET,
    WEIGHTS,
    count_tries,
    describe_rows,
    hash_rows,
    is_same_set,
    note_try,
)


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

    test_set, old = describe_rows(rows), hash_rows(rows)  # former versions noted the hash alone
    logged = [
        (test_set, "a"),
        (old, "b"),
        (test_set, "a"),
        ("another", "c"),
        (test_set, ""),
    ]
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
    assert count_tries(rows.iloc[:5], project=name).models == {"a", "b"}  # a picture less is the same test set
    others = rows.assign(sha256=[f"{k:064x}" for k in range(50, 56)])
    assert count_tries(others, project=name).models == set()


def test_is_same_set_by_the_share_of_its_pictures():
    """The earlier set has to hold `SHARED` of this one; the other way round does not matter."""
    frame = pd.DataFrame({"path": [f"{k}.png" for k in range(40)], "label": "real"})
    one, two = describe_rows(frame.iloc[:20]), describe_rows(frame.iloc[20:])
    assert SHARED == 0.05 and not is_same_set(one, two) and is_same_set(one, one)
    assert is_same_set(one, describe_rows(frame.iloc[19:]))
    assert not is_same_set(describe_rows(frame), describe_rows(frame[:1]))
    assert not is_same_set(one, "none.of ours") and not is_same_set(one, hash_rows(frame.iloc[:19]))


def test_is_same_set_over_the_seeds_of_one_data_set():
    """Test sets of 15 % that are drawn from the same 20,000 pictures, and of as many others."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"path": [f"{k}.png" for k in range(40_000)], "label": "real"})
    drawn = [describe_rows(frame.iloc[rng.permutation(20_000)[:3000]]) for _ in range(8)]
    assert all(is_same_set(drawn[0], other) for other in drawn)
    assert not any(is_same_set(describe_rows(frame.iloc[20_000:23_000]), other) for other in drawn)


def test_note_try_without_a_tracking_service(rows, monkeypatch):
    monkeypatch.setattr("aletheia.tracking.connect.reachable_tracking", lambda: None)
    monkeypatch.setattr("aletheia.tracking.reachable_tracking", lambda: None, raising=False)
    assert note_try(rows, "a", project="aletheia") is None
    monkeypatch.setattr("aletheia.tracking.reachable_tracking", lambda: "http://127.0.0.1:9")
    assert note_try(rows, "a", project="aletheia") is None  # it went away
