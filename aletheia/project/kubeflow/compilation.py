"""From recorded steps to the YAML that Kubeflow Pipelines takes."""

from __future__ import annotations

import ast
import dataclasses
import itertools
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from aletheia.core.errors import InputError
from aletheia.project.kubeflow.cluster import read_cluster
from aletheia.project.kubeflow.steps import Step, StepOutput, option_of, record_steps
from aletheia.project.project_yaml import find_workflow, function_url, listed_functions, read_definition
from aletheia.project.run_config import RunConfig
from aletheia.project.workspace import open_project

#: The environment that ``make setup-kfp`` makes.
_REPLAY = Path(__file__).with_name("replay.py")
ENVIRONMENT = Path(".venv-kfp")
#: Options that decide on columns and cells of the search, or on what a step is handed: fixed when the pipeline is made.
FIXED = ("search", "learning_rates", "batch_sizes", "search_columns", "search_trials", "search_selector", "seeds")


def literal(value: Any) -> str:
    """Write a value so that MLRun's command line reads the same one: it evaluates what is a literal of Python.

    A text that would be read as something else, such as ``1.0``, gets quotation marks.
    """
    text = str(value)
    if isinstance(value, str):
        try:
            ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text
        return repr(str(value))
    return text


def make_plan(steps: list[Step], config: RunConfig) -> dict[str, Any]:
    """Describe steps and parameters for `aletheia.project.kubeflow.replay`, in JSON's types.

    Returns
    -------
    dict
        ``steps``, those that depend on one option together; ``parameters``, the options that steps take, with their
        values; ``nothing``, what an option is without which steps are left out.
    """
    used: dict[str, str] = {}

    def encode(name: str, value: Any) -> dict[str, str]:
        if isinstance(value, StepOutput):
            return {"step": value.step, "output": value.key}
        if (option := option_of(name, value)) and option not in FIXED:
            used[option] = literal(getattr(config, option))
            return {"option": option}
        return {"text": literal(value)}

    def encode_step(step: Step) -> dict[str, Any]:
        fields = dataclasses.asdict(dataclasses.replace(step, params={}, inputs={}, hyperparams={}, labels={}))
        for field in ("params", "inputs", "hyperparams", "labels"):
            fields[field] = {name: encode(name, value) for name, value in getattr(step, field).items()}
        return fields

    groups: list[dict[str, Any]] = []
    for option, group in itertools.groupby(steps, key=lambda step: step.only_with):
        encoded = [encode_step(step) for step in group]
        groups += (
            [{"only_with": option, "steps": encoded}]
            if option
            else [{"only_with": "", "steps": [step]} for step in encoded]
        )
    deciding = [group["only_with"] for group in groups if group["only_with"]]
    for option in deciding:
        used[option] = literal(getattr(config, option))
    nothing = {option: literal(type(getattr(config, option))()) for option in deciding}
    return {"steps": groups, "parameters": used, "nothing": nothing}


def compile_workflow(
    root: Path,
    config: RunConfig,
    target: Path,
    *,
    workflow: str = "main",
    python: Path | None = None,
    image: str = "",
    artifact_path: str = "",
) -> dict[str, Any]:
    """Compile a workflow for Kubeflow Pipelines, and save its functions in the tracking database.

    Options that steps take become parameters of the pipeline, with this configuration's values as defaults; those in
    `FIXED` are what they are in the configuration.

    Parameters
    ----------
    root : path
        Of the project.
    config : RunConfig
    target : path
        The YAML file that is written.
    workflow : str
        Its name in ``project.yaml``.
    python : path, optional
        Of an environment with ``mlrun[kfp18]``; by default that of ``make setup-kfp``.
    image : str
        Of the functions' pods; by default each function's own, or that of ``project.yaml``.
    artifact_path : str
        Where the steps store what they make, such as ``s3://bucket/runs``; by default the project's.

    Returns
    -------
    dict
        ``steps`` (names) and ``parameters`` (names and values).

    Raises
    ------
    InputError
        When there is no such environment, a pod could not read another one's face crops, the workflow, ``project.yaml``
        or an option is faulty, or the workflow is one that cannot be compiled, see
        `aletheia.project.kubeflow.steps.record_steps`.
    """
    from aletheia.tracking import ensure_tracking

    python = python or root / ENVIRONMENT / "bin" / "python"
    if not python.is_file():
        raise InputError(f"There is no {python}. `make setup-kfp` makes the environment of Kubeflow's compiler.")
    project = read_definition(root)
    names = [entry["name"] for entry in listed_functions(project)]
    cluster = read_cluster(project, names)
    if artifact_path and "://" not in artifact_path and "ALETHEIA_DATA" not in cluster.env:
        raise InputError(
            f"With artifacts in the folder {artifact_path} a pod would keep the face crops to itself. Put artifacts "
            "in a bucket, or name a folder on a volume as ALETHEIA_DATA in spec.params.cluster.env of project.yaml."
        )
    file, handler = find_workflow(project, workflow)
    plan = make_plan(record_steps(root / file, config, handler), config)
    needed = {step["function"] for group in plan["steps"] for step in group["steps"]}
    if missing := sorted(needed - set(names)):
        raise InputError(f"The workflow runs {', '.join(missing)}, which project.yaml does not list.")
    plan |= cluster.model_dump(include={"volumes", "env", "secrets", "retries"})
    plan["pods"] = {name: pod.model_dump() for name, pod in cluster.pods.items()} | {
        "default": cluster.default.model_dump()
    }
    plan |= {"image": image, "default_image": cluster.image}
    plan["project"] = project["metadata"]["name"]
    plan["functions"] = [yaml.safe_load((root / function_url(name)).read_bytes()) for name in sorted(needed)]
    plan["artifact_path"] = artifact_path
    address = ensure_tracking()
    open_project(root)  # functions are saved in a project that the database knows
    with tempfile.TemporaryDirectory(prefix="aletheia-kfp-") as folder:
        plan["context"] = folder
        description = Path(folder, "plan.json")
        description.write_text(json.dumps(plan))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment |= {"ALETHEIA_PIPELINE_PLAN": str(description), "MLRUN_DBPATH": address}
        written = Path(folder, "pipeline.yaml")
        command = [python, _REPLAY, written]
        result = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=300
        )
        if result.returncode or not written.is_file():
            lines = (result.stderr or result.stdout).strip().splitlines() or ["no reason given"]
            raise InputError(f"Kubeflow's compiler refused the workflow: {lines[-1]}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(written.read_text())
    return {
        "steps": [step["name"] for group in plan["steps"] for step in group["steps"]],
        "parameters": plan["parameters"],
    }
