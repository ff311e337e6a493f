"""One run records a whole workflow."""

from __future__ import annotations

import uuid

import httpx
import mlrun
import pytest

from aletheia.core.errors import InputError
from aletheia.project import progress, workflow_record
from aletheia.project.run_config import RunConfig
from aletheia.project.workflow import takes_config
from aletheia.project.workflow_record import flat_parameters, headline, is_workflow
from aletheia.tracking.process_label import process_label


@pytest.fixture
def started(tracking_url, monkeypatch):
    """A project in whose workflow this process is; returns its name and the identifier of the workflow."""
    project, workflow = f"record-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    body = {"metadata": {"name": project}}
    httpx.post(f"{tracking_url}/api/v1/projects", json=body, trust_env=False, timeout=120).raise_for_status()
    for module in (workflow_record, progress):
        monkeypatch.setattr(module, "current_workflow", lambda: (project, workflow))
    database = mlrun.db.get_run_db(tracking_url, force_reconnect=True)
    monkeypatch.setattr(mlrun, "get_run_db", lambda: database)
    return project, workflow


def add_step(project: str, workflow: str, name: str, **results) -> None:
    uid = uuid.uuid4().hex
    run = {
        "metadata": {"name": name, "uid": uid, "project": project, "labels": {"workflow": workflow}},
        "status": {"state": "completed", "results": results},
    }
    mlrun.get_run_db().store_run(run, uid, project)


def test_workflow_is_recorded(started):
    project, workflow = started

    @takes_config
    def main(config: RunConfig) -> None:
        running = mlrun.get_run_db().read_run(workflow, project)
        assert running["status"]["state"] == "running"
        add_step(project, workflow, "prepare-data", rows_train=70, fake_share_before=0.5)
        numbers = {"auc": 0.9, "auc_low": 0.8, "auc_high": 0.95, "baseline_spectrum_auc": 0.7}
        add_step(project, workflow, "evaluate", **numbers, data_hash="d", test_data_hash="t")
        add_step(
            project, workflow, "register", tag="candidate", failed_checks="calibrated", unjudged_checks="no leakage"
        )

    main(seed=3, experiment="first", recipe={"optimizer": "sgd"})
    run = mlrun.get_run_db().read_run(workflow, project)
    assert is_workflow(run) and run["metadata"]["name"] == "main"
    assert run["metadata"]["labels"]["workflow"] == workflow, "its steps are found with it"
    assert run["metadata"]["labels"]["experiment"] == "first"
    assert run["metadata"]["labels"].items() >= process_label().items(), "found by it if it is left running"
    parameters = run["spec"]["parameters"]
    assert (parameters["seed"], parameters["epochs"], parameters["recipe.optimizer"]) == (3, 20, "sgd")
    results = run["status"]["results"]
    assert run["status"]["state"] == "completed"
    assert (
        results.items()
        >= {
            "verdict": "candidate",
            "failed_checks": "calibrated",
            "unjudged_checks": "no leakage",
            "auc": 0.9,
            "auc_low": 0.8,
            "auc_high": 0.95,
            "best_control": "spectrum",
            "best_control_auc": 0.7,
            "rows_train": 70,
            "data_hash": "d",
            "test_data_hash": "t",
        }.items()
    )


@pytest.mark.parametrize(("error", "state"), [(InputError("no luck"), "error"), (KeyboardInterrupt(), "aborted")])
def test_workflow_that_ends_badly_is_recorded(started, error, state):
    project, workflow = started

    @takes_config
    def main(config: RunConfig) -> None:
        raise error

    with pytest.raises(type(error)):
        main()
    status = mlrun.get_run_db().read_run(workflow, project)["status"]
    assert status["state"] == state and status["error"]


def test_workflow_without_mlrun_is_not_recorded(monkeypatch):
    monkeypatch.setattr(mlrun, "get_run_db", lambda: pytest.fail("there is no workflow"))
    assert takes_config(lambda config: config.seed)(seed=4) == 4


def test_headline_says_why_there_is_no_interval():
    def recorded(**results):
        return headline(
            [{"metadata": {"name": "evaluate", "uid": "1"}, "status": {"state": "", "results": results}}], 2.0
        )

    few = recorded(auc=0.7, groups_real=5, groups_fake=9)
    assert few["auc_low"] is few["auc_high"] is None
    reason = "the genuine faces are of 5 independent groups and the fakes of 9, and an interval needs 8 of each"
    assert few["auc_interval"] == f"not computed: {reason}"
    assert recorded(auc=0.7)["auc_interval"] == "not computed: the evaluation gives none"
    assert "auc_interval" not in recorded(auc=0.7, auc_low=0.6, auc_high=0.8) and "auc_low" not in recorded()


def test_headline_of_no_steps():
    assert headline([], 2.0) == {"seconds": 2.0}


def test_flat_parameters_names_every_option():
    assert set(flat_parameters(RunConfig(recipe={"a": 1}))) == set(RunConfig.model_fields) - {"recipe"} | {"recipe.a"}
