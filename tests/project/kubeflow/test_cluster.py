"""What pods are, read from project.yaml."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.project.kubeflow.cluster import Cluster, read_cluster


def project(params) -> dict:
    """Return a project.yaml with these parameters."""
    return {"kind": "project", "metadata": {"name": "p"}, "spec": {"functions": [], "params": params}}


def test_defaults():
    assert read_cluster(project({}), ["train"]) == read_cluster(project({"cluster": {}}), ["train"]) == Cluster()


def test_values():
    cluster = read_cluster(
        project(
            {
                "cluster": {
                    "image": "registry.example/aletheia:0.1.0",
                    "pods": {"train": {"cpu": "4", "memory": "8Gi", "gpus": 1}},
                    "volumes": [{"claim": "faces", "path": "/faces"}],
                    "env": {"ALETHEIA_DATA": "/faces/data"},
                    "secrets": {"AWS_ACCESS_KEY_ID": "s3"},
                    "retries": 2,
                }
            }
        ),
        ["train"],
    )
    assert cluster.pods["train"].gpus == 1 and cluster.default.memory is None and cluster.volumes[0].path == "/faces"


def test_image_of_the_project():
    given = project({"cluster": {"retries": 1}})
    given["spec"]["default_image"] = "registry.example/functions:2"
    assert read_cluster(given, []).image == "registry.example/functions:2"
    given["spec"]["params"]["cluster"]["image"] = "registry.example/functions:3"
    assert read_cluster(given, []).image == "registry.example/functions:3"


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        ({"imgae": "x"}, "spec.params.cluster.imgae"),
        ({"pods": {"trian": {}}}, "names trian"),
        ({"pods": {"train": {"memory": "8 GB"}}}, "pods.train.memory"),
        ({"pods": {"train": {"gpus": 0}}}, "pods.train.gpus"),
        ({"volumes": [{"claim": "a/b", "path": "/x"}]}, "volumes.0.claim"),
        ({"volumes": [{"claim": "a", "path": "x"}]}, "volumes.0.path"),
        ({"env": {"ALETHEIA_DATA": 1}}, "env.ALETHEIA_DATA"),
        ({"retries": -1}, "retries"),
        ("text", "spec.params.cluster"),
    ],
)
def test_refuses(cluster, words):
    with pytest.raises(InputError, match=words):
        read_cluster(project({"cluster": cluster}), ["train"])
