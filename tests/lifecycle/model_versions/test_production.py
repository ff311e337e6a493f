"""Promotion, rollback and retirement."""

from __future__ import annotations

import shutil

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.decisions import (
    plan_promotion,
    plan_retirement,
    plan_rollback,
    refused_checks,
)
from aletheia.lifecycle.model_versions.deletion import delete_files, plan_deletion
from aletheia.lifecycle.model_versions.history import list_changes
from aletheia.lifecycle.model_versions.production import make, noted_run
from aletheia.models.model_files import WEIGHTS
from aletheia.models.spec import check_files, read_spec

NOT_JUDGED = {
    "state": "not judged",
    "code": "fair-false-alarms",
    "required": True,
    "exception": "",
    "detail": "no groups",
}
FAILED = {"state": "failed", "code": "calibrated", "required": True, "exception": "", "detail": "0.3"}


def test_promote_and_roll_back(registry):
    registry.register("production")
    registry.register()
    decision = registry.change("promote", "1.0.1")
    assert (decision.before, decision.model.name) == ("v1.0.0", "v1.0.1")
    assert registry.production() == ["v1.0.1"]
    assert registry.change("rollback").model.name == "v1.0.0"
    assert registry.production() == ["v1.0.0"]
    assert registry.change("rollback", "v1.0.1").model.name == "v1.0.1"
    with pytest.raises(InputError, match=r"v1\.0\.1 is in production already"):
        registry.change("promote", "v1.0.1")


@pytest.mark.parametrize("verdict", [{**FAILED, "exception": "waived"}, {**NOT_JUDGED, "exception": "accepted"}])
def test_promote_takes_exceptions_that_the_model_has_and_shows_them(registry, verdict):
    registry.register(checks={"check": verdict})
    registry.change("promote", "v1.0.0")
    assert list_changes(registry.catalog())[-1].exceptions == f"{verdict['exception']} {verdict['code']}"


def test_promote_accepts_by_name_what_is_not_judged(registry):
    registry.register(checks={"groups have similar false alarms": NOT_JUDGED})
    with pytest.raises(
        InputError, match=r"not judged \(accept that with --accept-unjudged fair-false-alarms\): no groups"
    ):
        registry.change("promote", "v1.0.0")
    with pytest.raises(InputError, match="no check of the gate"):
        registry.change("promote", "v1.0.0", accept_unjudged=["fair"])
    assert registry.production() == []
    registry.change("promote", "v1.0.0", accept_unjudged=["fair-false-alarms"])
    assert list_changes(registry.catalog())[-1].exceptions == "accepted fair-false-alarms"


def test_promote_refuses_what_failed_whatever_is_accepted(registry):
    registry.register(checks={"calibrated": FAILED})
    with pytest.raises(InputError, match=r"“calibrated” failed: 0\.3"):
        registry.change("promote", "v1.0.0", accept_unjudged=["calibrated"])
    with pytest.raises(InputError, match="can waive staging, not 'calibrated'"):
        registry.change("promote", "v1.0.0", waive=["calibrated"])
    registry.register(checks={})
    with pytest.raises(InputError, match="no verdict"):
        registry.change("promote", "v1.0.1")
    assert registry.production() == [] and list_changes(registry.catalog()) == []


def test_refused_checks_leave_out_what_need_not_be_judged(registry):
    folder, _ = registry.bundle(checks={"a": {**NOT_JUDGED, "required": False}, "b": FAILED})
    assert [reason[:3] for reason in refused_checks(read_spec(folder))] == ["“b”"]


@pytest.mark.parametrize("damage", ["deleted", "garbled"])
def test_promote_refuses_damaged_files(registry, damage):
    registry.register()
    folder = registry.catalog().find("v1.0.0").folder
    if damage == "deleted":
        shutil.rmtree(folder)
    else:
        (folder / WEIGHTS).write_bytes(b"other")
    with pytest.raises(InputError, match=r"model\.json|SHA-256"):
        registry.change("promote", "v1.0.0")
    with pytest.raises(InputError):
        check_files(folder)


@pytest.mark.parametrize("damage", ["deleted", "garbled", "unregistered"])
def test_rollback_leaves_a_damaged_model(registry, damage):
    """When it matters most: neither the files nor the record of the model in production are needed."""
    registry.register("production")
    registry.register("production")
    folder = registry.catalog().production.folder
    if damage == "deleted":
        shutil.rmtree(folder)
    elif damage == "garbled":
        (folder / "model.json").write_bytes(b"{")
    else:
        path = f"/api/v2/projects/{registry.name}/artifacts/detector"
        registry.http.delete(path, params={"tag": "v1.0.1"}).raise_for_status()
    registry.change("rollback")
    assert registry.production() == ["v1.0.0"]


def test_rollback_passes_over_damaged_and_retired_versions(registry):
    for _ in range(4):
        registry.register("production")
    shutil.rmtree(registry.catalog().find("v1.0.2").folder)
    registry.change("retire", "v1.0.1")
    assert registry.change("rollback").model.name == "v1.0.0"
    with pytest.raises(InputError, match="no earlier version"):
        registry.change("rollback")


def test_rollback_only_to_what_answered_before(registry):
    registry.register("production")
    registry.register()
    with pytest.raises(InputError, match=r"v1\.0\.1 was never in production"):
        registry.change("rollback", "v1.0.1")
    with pytest.raises(InputError, match="no earlier version"):
        registry.change("rollback")
    with pytest.raises(InputError, match="in production already"):
        registry.change("rollback", "v1.0.0")


def test_retire(registry):
    registry.register("production")
    registry.register()
    with pytest.raises(InputError, match="roll back before"):
        registry.change("retire", "v1.0.0")
    registry.change("retire", "v1.0.1")
    model = registry.catalog().find("v1.0.1")
    assert model.state == "retired" and set(model.tags) == {"latest", "retired-v1.0.1", "v1.0.1"}
    for action, message in (
        ("retire", "retired already"),
        ("promote", "retired and cannot"),
        ("rollback", "is retired"),
    ):
        with pytest.raises(InputError, match=message):
            registry.change(action, "v1.0.1")


def test_a_run_that_failed_says_so(registry):
    with (
        pytest.raises(RuntimeError),
        noted_run(registry.reader, "promote", {"version": "v1"}, project=registry.name) as note,
    ):
        note({"to": "v1.0.0", "to_uid": "u"})
        raise RuntimeError("the network is down")
    (run,) = registry.catalog().runs
    assert run["status"]["state"] == "error" and "network is down" in run["status"]["error"]
    assert list_changes(registry.catalog()) == []


def test_change_notes_in_the_run_of_the_caller(registry):
    registry.register()
    noted = []
    decision = registry.change("promote", "v1.0.0", note=noted.append, reason="why")
    assert noted == [decision.results()] and noted[0]["reason"] == "why"
    assert [run["metadata"]["name"] for run in registry.catalog().runs] == ["register", "deploy"]


@pytest.mark.parametrize(
    ("plan", "meanwhile", "sentence", "left"),
    [
        (plan_promotion, ("retire", "v1.0.1"), r"v1\.0\.1 was retired meanwhile", "v1.0.2"),
        (plan_promotion, ("promote", "v1.0.3"), r"changed meanwhile, from v1\.0\.2 to v1\.0\.3", "v1.0.3"),
        (plan_promotion, ("rollback",), r"changed meanwhile, from v1\.0\.2 to v1\.0\.0", "v1.0.0"),
        (plan_retirement, ("promote", "v1.0.1"), r"v1\.0\.1 was changed meanwhile", "v1.0.1"),
        (plan_rollback, ("rollback",), r"changed meanwhile, from v1\.0\.2 to v1\.0\.0", "v1.0.0"),
        (plan_promotion, None, r"files of v1\.0\.1 were deleted meanwhile", "v1.0.2"),
    ],
)
def test_two_who_decide_at_once(registry, plan, meanwhile, sentence, left):
    """Who comes second is told so, and changes nothing: nothing in production is retired, or without files."""
    registry.register("production")
    for tag in ("candidate", "production", "candidate"):
        registry.register(tag)
    catalog, notes = registry.catalog(), []
    decision = plan(catalog) if plan is plan_rollback else plan(catalog, "v1.0.1")
    if meanwhile:
        registry.change(*meanwhile)
    else:
        delete_files(plan_deletion(catalog, 0))
    with pytest.raises(InputError, match=sentence):
        make(decision, registry.reader, notes.append, project=registry.name)
    assert registry.production() == [left] and notes == []
    assert not any("production" in model.tags and "retired" in str(model.tags) for model in registry.catalog().models)


def test_a_retirement_does_not_mind_another_promotion(registry):
    registry.register("production")
    registry.register()
    decision = plan_retirement(registry.catalog(), "v1.0.1")
    registry.register("production")
    make(decision, registry.reader, lambda results: None, project=registry.name)
    assert registry.catalog().find("v1.0.1").state == "retired"
