"""Options in YAML: files, the workflow's entry in project.yaml, and the written form."""

from __future__ import annotations

import pytest
import yaml

from aletheia.core.errors import InputError
from aletheia.project.config_file import read_options, to_yaml, workflow_options
from aletheia.project.run_config import RunConfig


def test_to_yaml_is_read_back(tmp_path):
    options = {
        "n_synthetic": 60,
        "remedies": ["match=light"],
        "recipe": {"weight_decay": 1e-5},
        "learning_rates": [1e-5],
    }
    config = RunConfig.parse(options, {"manifest": str(tmp_path / "ü: #.csv")})
    file = tmp_path / "run.yaml"
    file.write_text(to_yaml(config))
    assert RunConfig.parse(read_options(file)) == config
    assert list(yaml.safe_load(file.read_text())) == list(RunConfig.model_fields)


def test_to_yaml_has_descriptions():
    lines = to_yaml(RunConfig()).splitlines()
    assert lines[lines.index("face_policy: scale") - 1] == f"# {RunConfig.model_fields['face_policy'].description}"
    assert max(map(len, lines)) <= 120


def test_read_options_paths_are_relative_to_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "run.yaml").write_text("source: faces\nffhq: ../pool\nmanifest: /a/b.csv\nseed: 3\n")
    assert read_options(tmp_path / "run.yaml") == {
        "source": str(tmp_path / "faces"),
        "real_pool": str(tmp_path.parent / "pool"),
        "manifest": "/a/b.csv",
        "seed": 3,
    }


def test_read_options_nothing_but_comments(tmp_path):
    (tmp_path / "run.yaml").write_text("# seed: 3\n")
    assert read_options(tmp_path / "run.yaml") == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: [", "is no YAML"),
        (b"\xff\xfe\xff", "is no YAML"),
        (b"- a", "holds no options"),
        (b"text", "holds no options"),
    ],
)
def test_read_options_unusable_file(tmp_path, content, words):
    (tmp_path / "run.yaml").write_bytes(content)
    with pytest.raises(InputError, match=words) as error:
        read_options(tmp_path / "run.yaml")
    assert "\n" not in str(error.value)


def test_read_options_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"run\.yaml cannot be read: No such file"):
        read_options(tmp_path / "run.yaml")


def test_workflow_options(tmp_path):
    workflows = [{"name": "other", "args": {"seed": 1}}, {"name": "main", "args": {"images": 60, "source": "faces"}}]
    (tmp_path / "project.yaml").write_text(yaml.safe_dump({"spec": {"workflows": workflows}}))
    assert workflow_options(tmp_path) == {"n_synthetic": 60, "source": str(tmp_path / "faces")}
    (tmp_path / "project.yaml").write_text("kind: project\n")
    assert workflow_options(tmp_path) == {}
