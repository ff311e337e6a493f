"""The recipe and the rows of a registered model, as runs recorded them."""

from __future__ import annotations

import json
import uuid

import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.retraining.champion import find_champion, load_parts

from ..model_versions.test_tables import store


class Made:
    """A registered model with the runs that made it."""

    def __init__(self, registry, **labels) -> None:
        self.registry, self.workflow = registry, uuid.uuid4().hex
        names = ("train", "val", "test", "sealed")
        self.parts = {name: store(registry, pd.DataFrame({"path": [name]}), f"prepare-data_{name}") for name in names}
        inputs = {name: uri.replace("@", ":latest@") for name, uri in self.parts.items()}
        best = json.dumps({"learning_rate": 0.003, "batch_size": 16})
        train = {"epochs": 5, "image_size": 64, "best": best, "recipe": {"patience": 2}}
        options = {"n_synthetic": 240, "epochs": 5, "recipe.patience": 2, "recipe.augmentation": "strong"}
        sealed = {"sealed": inputs.pop("sealed")}
        self.train = self.run("train", train, {name: inputs[name] for name in ("train", "val")} | sealed)
        self.evaluate = self.run("evaluate", {"network_controls": False}, inputs)
        self.run("main", options, {}, self.workflow)
        folder, spec = registry.bundle(run=self.train)
        version = {"version": "v1.0.0", "recipe": "r", "evaluation": self.evaluate, **labels}
        registry.log(folder, spec, "v1.0.0", **version)
        registry.reader.set_tag(registry.name, "candidate", "detector", registry.catalog().find("v1.0.0").uid)

    def run(self, name: str, parameters: dict, inputs: dict, uid: str = "", **status) -> str:
        uid = uid or uuid.uuid4().hex
        body = {
            "metadata": {"name": name, "uid": uid, "labels": {"workflow": self.workflow}},
            "spec": {"parameters": parameters, "inputs": inputs},
            "status": {"state": "completed", **status},
        }
        path = f"/api/v1/projects/{self.registry.name}/runs/{uid}"
        self.registry.http.post(path, json=body).raise_for_status()
        return uid

    def find(self, word: str = ""):
        return find_champion(self.registry.reader, self.registry.name, word)


@pytest.fixture
def made(registry):
    return Made(registry)


def test_options_rows_and_best_cell(made):
    champion = made.find()
    assert champion.model.name == "v1.0.0"
    assert champion.options["recipe"] == {"patience": 2, "augmentation": "strong"}
    assert (champion.options["n_synthetic"], champion.options["network_controls"]) == (240, False)
    assert champion.best == {"learning_rate": 0.003, "batch_size": 16}
    assert champion.parts == made.parts  # without the tag, which moves on
    rows = load_parts(champion, reader=made.registry.reader, project=made.registry.name)
    assert {name: table["path"].tolist() for name, table in rows.items()} == {name: [name] for name in made.parts}
    assert champion.spec.run == made.train


def test_production_wins_over_the_candidate(made):
    made.registry.register("production")
    with pytest.raises(InputError, match=r"Which runs trained and evaluated v2\.0\.0 is not recorded"):
        made.find()
    assert made.find("v1.0.0").model.name == made.find("candidate").model.name == "v1.0.0"


def test_what_was_held_back_before_is_a_part(made):
    held = store(made.registry, pd.DataFrame({"path": ["held"]}), "add-faces_held_back")
    other = store(made.registry, pd.DataFrame({"path": ["other"]}), "add-faces_held_back")
    foreign = store(made.registry, pd.DataFrame({"path": ["x"]}), "add-faces_train")
    made.run("add-faces", {}, {}, artifact_uris={"train": made.parts["train"], "held_back": held})
    made.run("add-faces", {}, {}, artifact_uris={"train": foreign, "held_back": other})
    assert made.find().parts["held back"] == held


def test_nothing_to_start_from(registry):
    with pytest.raises(InputError, match="There is no model to retrain yet"):
        find_champion(registry.reader, registry.name)
    made = Made(registry)
    (made.find().folder / "model.json").unlink()
    with pytest.raises(InputError, match=r"The files of v1\.0\.0 are gone"):
        made.find()
