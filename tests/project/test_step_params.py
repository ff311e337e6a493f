"""Sections and values of a file of parameters."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import yaml

from aletheia.core.errors import InputError
from aletheia.project.run_config import RunConfig
from aletheia.project.step_params import read_params

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path):
    text = "train: {epochs: 3, recipe: {devices: 2}}\nfaces: {image_size: 64, frames: 4}\nempty:\nseed: 7\n"
    (tmp_path / "params.yaml").write_text(text + "data: {source: faces, manifest: ''}\nagain: {epochs: 4}\n")
    return tmp_path / "params.yaml"


@pytest.mark.parametrize(
    ("names", "values"),
    [
        ([], {}),
        (["train", "seed"], {"epochs": 3, "recipe": {"devices": 2}, "seed": 7}),
        (["faces.image_size", "train.epochs"], {"image_size": 64, "epochs": 3}),
        (["empty"], {}),
    ],
)
def test_read_params(file, names, values):
    assert read_params(file, names) == values


def test_paths_count_from_the_file(file):
    assert read_params(file, ["data"])["source"] == str(file.parent / "faces")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["trian"], "has no trian; there are: train, faces"),
        (["train.epoch"], "has no train.epoch; there are: epochs, recipe"),
        (["seed.x"], "has no seed.x; there are: nothing"),
        (["train", "again"], "epochs is given twice, by again"),
    ],
)
def test_read_params_names_what_is_wrong(file, names, message):
    with pytest.raises(InputError, match=message):
        read_params(file, names)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe", b"- 1\n"])
def test_read_params_of_a_bad_file(file, content):
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"params\.yaml"):
        read_params(file, ["train"])
    with pytest.raises(InputError, match="cannot be read"):
        read_params(file.with_name("absent.yaml"), ["train"])


def test_stages_of_this_project_fit_its_parameters_and_functions():
    """What dvc.yaml names exists, each stage depends on what its command reads, and the options are known."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert list(stages) == ["ingestion", "preprocessing", "features", "training", "evaluation", "registration"]
    for name, stage in stages.items():
        words = stage["cmd"].split()
        options = list(itertools.pairwise(words))
        params = [value for word, value in options if word == "--params"]
        assert params == stage["params"], name
        values = read_params(ROOT / "params.yaml", params)
        known = {*RunConfig.model_fields, "learning_rate", "batch_size", "delivery_faces", "network_controls"}
        assert set(values) <= known, name
        RunConfig.parse({key: value for key, value in values.items() if key in RunConfig.model_fields})
        read = [value.partition("=")[2] or value for word, value in options if word in ("--tables", "--input")]
        deps = stage.get("deps", [])
        for path in read:
            assert path in deps or str(Path(path).parent) in deps, (name, path)
        flags = ("--write-tables", "--output", "--results", "--metrics")
        written = [value.partition("=")[2] or value for word, value in options if word in flags]
        if words[:3] == ["aletheia", "data", "pack"]:
            written.append(words[3])
        listed = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in listed]
        assert sorted(written) == sorted(outs), name
        if "functions" in words:
            assert f"functions/{words[3]}/function.py" in deps
    config = (ROOT / ".dvc" / "config").read_text()
    assert "analytics = false" in config and "autostage = false" in config
