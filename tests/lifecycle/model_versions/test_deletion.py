"""Files of models that nobody will need are deleted, and no others."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.deletion import delete_files, plan_deletion


def left(registry) -> dict[str, bool]:
    return {model.name: model.has_files for model in registry.catalog().models}


def test_only_retired_and_old_models_that_never_answered(registry):
    former, present = registry.register("production"), registry.register("production")
    old, retired, newer, candidate = (registry.register() for _ in range(4))
    registry.change("retire", retired)
    registry.change("retire", former)  # it answered once: its files stay, retired or not
    plan = plan_deletion(registry.catalog(), keep=1)
    assert set(plan.files) == {old, retired} and plan.kept == 4 and plan.bytes > 500
    assert all(left(registry).values()), "a plan deletes nothing"
    delete_files(plan)
    gone = {name for name, has_files in left(registry).items() if not has_files}
    assert gone == {old, retired}
    assert not registry.catalog().find(old).folder.exists()
    delete_files(plan_deletion(registry.catalog(), keep=0))
    assert {name for name, has_files in left(registry).items() if has_files} == {former, present, candidate}
    assert plan_deletion(registry.catalog(), keep=0).files == {}
    assert newer in left(registry), "the record stays"


def test_only_files_of_the_bundle(registry, tmp_path):
    registry.register()
    registry.register()
    folder = registry.catalog().find("v1.0.0").folder
    (folder / "notes.txt").write_text("mine")
    (tmp_path / "elsewhere").write_text("mine")
    (folder / "README.md").symlink_to(tmp_path / "elsewhere")
    delete_files(plan_deletion(registry.catalog(), keep=0))
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "notes.txt"]


def test_a_shared_folder_stays(registry):
    folder, spec = registry.bundle()
    registry.register_bundle(folder, spec, "production")
    version = registry.register_bundle(folder, spec, "candidate")
    registry.change("retire", version)
    assert plan_deletion(registry.catalog(), keep=0).files == {}


def test_keep_is_not_negative(registry):
    with pytest.raises(InputError, match="--keep is -1"):
        plan_deletion(registry.catalog(), -1)
