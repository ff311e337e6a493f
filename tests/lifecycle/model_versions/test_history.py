"""Who put what into production, when and why."""

from __future__ import annotations

import getpass

from aletheia.lifecycle.model_versions.history import earlier_versions, list_changes


def names(registry) -> list[str]:
    catalog = registry.catalog()
    return [catalog.by_uid(uid).version for uid in earlier_versions(catalog)]


def test_list_changes_by_whom_from_to_and_why(registry):
    registry.register("production")
    registry.register()
    registry.change("promote", "v1.0.1", reason="better on films")
    registry.change("rollback", reason="false alarms")
    registry.change("retire", "v1.0.1", reason="see above")
    changes = list_changes(registry.catalog())
    assert [(change.action, change.before, change.to) for change in changes] == [
        ("register", "", "v1.0.0"),
        ("promote", "v1.0.0", "v1.0.1"),
        ("rollback", "v1.0.1", "v1.0.0"),
        ("retire", "", "v1.0.1"),
    ]
    promotion = changes[1].to_dict()
    assert promotion["reason"] == "better on films" and promotion["who"] == getpass.getuser()
    assert promotion["evaluation"] == "run-of-evaluate" and promotion["from"] == "v1.0.0"
    (run,) = registry.reader.runs(registry.name, promotion["run"])
    assert run["status"]["state"] == "completed" and run["spec"]["parameters"]["version"] == "v1.0.1"


def test_list_changes_of_a_tag_set_by_another_program(registry):
    registry.register("production")
    version = registry.register()
    uid = registry.catalog().find(version).uid
    registry.reader.set_tag(registry.name, "production", "detector", uid)
    assert [change.action for change in list_changes(registry.catalog())] == ["register", "tagged"]


def test_earlier_versions_go_back_not_to_and_fro(registry):
    for _ in range(3):
        registry.register("production")
    assert names(registry) == ["v1.0.1", "v1.0.0"]
    registry.change("rollback")
    assert registry.production() == ["v1.0.1"] and names(registry) == ["v1.0.0"]
    registry.change("promote", "v1.0.2")
    assert names(registry) == ["v1.0.1", "v1.0.0"]
    registry.change("promote", "v1.0.0")
    assert names(registry) == ["v1.0.2", "v1.0.1"]
