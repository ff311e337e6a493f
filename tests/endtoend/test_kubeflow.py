"""The pipeline that is compiled for Kubeflow, read as Argo's types and executed step by step: the same result."""

from __future__ import annotations

import json

import pytest
import yaml
from hera.workflows.models import Workflow

from aletheia.project.kubeflow.compilation import ENVIRONMENT

from .argo import Walker
from .conftest import ROOT

PYTHON = ROOT / ENVIRONMENT / "bin" / "python"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not PYTHON.is_file(), reason="no environment with Kubeflow's compiler: run `make setup-kfp`"),
]


@pytest.fixture(scope="module")
def compiled(checkout, summary):
    """The YAML, with resources from project.yaml, and what the command printed."""
    file = checkout.folder / "project.yaml"
    original = file.read_text()
    project = yaml.safe_load(original)
    project["spec"]["params"] = {
        "cluster": {
            "image": "registry.example/aletheia:test",
            "default": {"cpu": "1", "memory": "2Gi"},
            "pods": {"train": {"cpu": "4", "gpus": 1}},
            "volumes": [{"claim": "faces", "path": "/faces"}],
            "env": {"ALETHEIA_DATA": str(checkout.folder / "crops")},
            "secrets": {"AWS_ACCESS_KEY_ID": "s3"},
            "retries": 2,
        }
    }
    file.write_text(yaml.safe_dump(project))
    options = {**checkout.small, **{name: json.dumps(values)[1:-1] for name, values in checkout.grid.items()}}
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    words += ["-o", "network_controls=false", "--artifact-path", str(checkout.folder / "kubeflow")]
    done = checkout.command(
        "aletheia", "workflow", "compile", "pipeline.yaml", "--json", "--python", str(PYTHON), *words, check=True
    )
    file.write_text(original)
    return yaml.safe_load((checkout.folder / "pipeline.yaml").read_text()), json.loads(done.stdout)


def test_compiled_pipeline(compiled, checkout):
    pipeline, printed = compiled
    for template in pipeline["spec"]["templates"]:  # Kubernetes takes numbers for quantities; these types want texts
        for amounts in template.get("container", {}).get("resources", {}).values():
            amounts.update({name: str(amount) for name, amount in amounts.items()})
    Workflow.model_validate(pipeline)  # typed by Argo's own schema
    broken = {**pipeline, "spec": {**pipeline["spec"], "templates": [{"name": ["a", "list"]}]}}
    with pytest.raises(ValueError, match="name"):
        Workflow.model_validate(broken)
    values = {each["name"]: each["value"] for each in pipeline["spec"]["arguments"]["parameters"]}
    assert values == printed["parameters"] and values["n_synthetic"] == "240"
    templates = {template["name"]: template for template in pipeline["spec"]["templates"]}
    assert set(printed["steps"]) <= templates.keys()
    entry = templates[pipeline["spec"]["entrypoint"]]
    conditions = [task["when"] for task in entry["dag"]["tasks"] if "when" in task]
    assert conditions == ['"{{inputs.parameters.leave_out}}" != "[]"']
    assert templates["train"]["retryStrategy"]["limit"] == 2
    function = json.loads(
        checkout.command(
            "python",
            "-c",
            "import json, sys; from aletheia.project.workspace import open_project; open_project(); import mlrun;"
            "print(json.dumps(mlrun.import_function(sys.argv[1]).to_dict()))",
            next(word for word in templates["train"]["container"]["command"] if word.startswith("db://")),
            check=True,
        ).stdout.splitlines()[-1]
    )["spec"]
    assert function["image"] == "registry.example/aletheia:test"
    assert function["resources"]["limits"] == {"cpu": "4", "nvidia.com/gpu": 1}
    assert function["volumes"][0]["persistentVolumeClaim"]["claimName"] == "faces"
    variables = {each["name"]: each for each in function["env"]}
    assert variables["ALETHEIA_DATA"]["value"] == str(checkout.folder / "crops")
    secret = variables["AWS_ACCESS_KEY_ID"]["valueFrom"]["secretKeyRef"]
    assert secret == {"name": "s3", "key": "AWS_ACCESS_KEY_ID"}


def numbers(checkout) -> dict[str, float]:
    """The newest results of the training and the evaluation that are numbers, but for its duration."""
    results = {
        f"{step}: {key}": value for step in ("train", "evaluate") for key, value in checkout.last_outputs(step).items()
    }
    del results["train: seconds"]
    return {name: value for name, value in results.items() if isinstance(value, int | float)}


def test_executed_pipeline_gives_the_same(compiled, checkout, summary, tmp_path):
    """Every step in its own process and its own empty folder, connected by nothing but what the YAML says."""
    local = numbers(checkout)
    assert local["evaluate: auc"] == pytest.approx(summary["test_auc"]) and local["train: loss"] > 0
    address = checkout.command(
        "python", "-c", "from aletheia.tracking import ensure_tracking; print(ensure_tracking())", check=True
    ).stdout.splitlines()[-1]
    pods = {"MLRUN_DBPATH": address, "PYTHONPATH": str(ROOT), "ALETHEIA_DATA": str(checkout.folder / "crops")}
    walker = Walker(compiled[0], tmp_path, checkout.environment | pods)
    walker.run()
    assert walker.ran == [name for name in compiled[1]["steps"] if not name.startswith("cross-")]
    assert numbers(checkout) == pytest.approx(local, abs=1e-6)
    assert list((checkout.folder / "kubeflow").rglob("*.parquet"))  # what the steps made lies where it was told to
