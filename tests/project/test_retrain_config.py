"""The options of a retraining: those of the champion's run, and its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.catalog import ModelVersion
from aletheia.lifecycle.retraining.champion import Champion
from aletheia.project.retrain_config import RetrainConfig
from aletheia.project.run_config import RunConfig

MODEL = ModelVersion("v1.2.0", "u" * 40, ("v1.2.0",), {}, "", "", "attention_cnn", {}, "production")
OPTIONS = RunConfig(
    epochs=7, recipe={"patience": 2}, image_size=64, seed=3, accept_unjudged=["fair-false-alarms"], experiment="first"
).model_dump()


@pytest.fixture
def champion(monkeypatch) -> Champion:
    """The champion that is found, whatever is asked for; options of earlier versions of the project among its own."""
    parts = {name: f"store://datasets/aletheia/{name}@t^u" for name in ("train", "val", "test")}
    found = Champion(MODEL, Path("/models"), {**OPTIONS, "network": "gone"}, {"learning_rate": 1e-3}, parts)
    monkeypatch.setattr(RetrainConfig, "starting_point", lambda self: found)
    return found


def test_options_are_described_like_all_others():
    own = [name for name in RetrainConfig.model_fields if name not in RunConfig.model_fields]
    assert own == ["add", "champion", "held_back_share", "auto_promote"]
    for name in own:
        assert RetrainConfig.describe(name) and RetrainConfig.details(name)["group"] == "retraining"
    assert set(RetrainConfig.option_names("retraining")) == {*own, "seed"}


def test_check_takes_the_recipe_of_the_champion(champion, face_folder):
    config = RetrainConfig(add=[str(face_folder)], held_back_share=0.5).check()
    assert (config.epochs, config.recipe, config.image_size, config.seed) == (7, {"patience": 2}, 64, 3)
    assert (config.champion, config.held_back_share, config.add) == ("v1.2.0", 0.5, [str(face_folder)])
    assert config.accept_unjudged == ["fair-false-alarms"]
    assert (config.experiment, config.promote, config.model_version) == ("", True, "")
    # MLRun hands the arguments over once more.
    again = RetrainConfig.parse(config.model_dump(exclude_unset=True)).check()
    assert again == config


def test_check_refuses_another_recipe(champion, face_folder):
    with pytest.raises(InputError, match=r"epochs: a retraining keeps the recipe of v1\.2\.0, which has 7, not 8"):
        RetrainConfig(add=[str(face_folder)], epochs=8).check()
    assert RetrainConfig(add=[str(face_folder)], seed=9, limits={"cell_auc": 0.6}).check().seed == 9


def test_check_refuses_what_cannot_be_read(champion, tmp_path):
    with pytest.raises(InputError, match="nothing new to learn from"):
        RetrainConfig().check()
    with pytest.raises(InputError, match="there is no such folder or manifest"):
        RetrainConfig(add=[str(tmp_path / "none")]).check()
    with pytest.raises(InputError, match="held_back_share"):
        RetrainConfig(held_back_share=1.0)


def test_with_recipe_does_not_change_the_options_that_it_is_given(champion):
    before = dataclasses.replace(champion)
    RetrainConfig(add=["x"]).with_recipe(champion)
    assert champion == before


def test_new_faces_may_lie_in_a_bucket():
    RetrainConfig.parse({"add": ["s3://faces/accepted"]}).check_sources()
    with pytest.raises(InputError, match="names no bucket"):
        RetrainConfig.parse({"add": ["s3:///accepted"]}).check_sources()
