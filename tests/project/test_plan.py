"""What a run would do."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.project.plan import plan_steps
from aletheia.project.run_config import RunConfig
from aletheia.project.summary import STEPS


def test_plan_steps_of_the_defaults():
    steps = dict(plan_steps(RunConfig()))
    assert list(steps) == [name for name in STEPS if name in steps], "in the order of the workflow"
    assert steps["extract-faces"].startswith("1,500 drawn pictures")
    assert steps["search-hyperparameters"] == "18 trainings of 3 epochs each, exhaustive"
    assert "70% / 15% / 15%" in steps["prepare-data"] and "cross-test" not in steps


def test_plan_steps_of_options(tmp_path):
    for name in ("real/0.jpg", "real/1.jpg", "fake/2.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    options = {"source": str(tmp_path), "seeds": 3, "leave_out": ["nothing"], "batch_sizes": [8], "search_epochs": 1}
    steps = dict(plan_steps(RunConfig(**options, fault="label_noise", remedies=["match=light"])))
    assert steps["extract-faces"].startswith(f"3 files in {tmp_path} (pictures and videos), 1 of them fake")
    assert steps["search-hyperparameters"].startswith("6 trainings of 1 epoch each")
    assert "3 times" in steps["train"] and "label_noise" in steps["train"] and "match=light" in steps["prepare-data"]
    assert steps["cross-test"] == "once more for each of: nothing"


def test_plan_steps_without_source():
    with pytest.raises(InputError, match="/no/such/folder: there is no such folder or manifest"):
        plan_steps(RunConfig(source="/no/such/folder"))
