"""The workflow with its crops in archives: the numbers of one with a file each."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1200)]

#: What a run is called, where it lies, and how long it took; how often its test set was used, and against which model.
_OF_THE_RUN = {
    "seconds", "step_seconds", "peak_memory_mb", "runs", "report", "data_report", "page", "model_uri",
    "evaluation_number", "refusals",
}  # fmt: skip


def test_workflow_on_shards(checkout, summary, tmp_path):
    done = checkout.run(ALETHEIA_SHARD_FROM="1", ALETHEIA_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "faces").glob("*.png")) and (tmp_path / "faces" / "faces-00000.tar").is_file()
    sharded = checkout.summary()
    differing = {name for name in summary if sharded[name] != summary[name]}
    assert differing <= _OF_THE_RUN
    assert summary["baseline_aucs"] and summary["test_auc"] == sharded["test_auc"] > 0.5
