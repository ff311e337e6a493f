"""Compiles recorded steps with MLRun and Kubeflow's compiler.

Runs in an environment of its own (``make setup-kfp``), since Kubeflow's compiler 1.8 needs packages that are older than
this project's: it imports MLRun and nothing of aletheia. MLRun loads it a second time, as the workflow.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any

import mlrun
from mlrun.runtimes.mounts import mount_pvc

_PLAN = "ALETHEIA_PIPELINE_PLAN"


def pipeline(**arguments: Any) -> None:
    """Make a step of Kubeflow's of every recorded one; the arguments are Kubeflow's placeholders of the options."""
    from kfp import dsl  # type: ignore[import-not-found]

    plan = _plan()
    made: dict[str, Any] = {}

    def text(value: dict[str, Any]) -> Any:
        if "option" in value:
            return arguments[value["option"]]
        if "step" in value:
            return made[value["step"]].outputs[value["output"]]
        return value["text"]

    def texts(values: dict[str, Any]) -> dict[str, Any]:
        return {name: text(value) for name, value in values.items()}

    def add(step: dict[str, Any]) -> None:
        options = step["hyper_param_options"]
        node = mlrun.run_function(
            step["function"],
            name=step["name"],
            handler=step["handler"],
            params=texts(step["params"]),
            inputs=texts(step["inputs"]),
            hyperparams=texts(step["hyperparams"]),
            hyper_param_options=mlrun.model.HyperParamOptions(**options) if options else None,
            labels=texts(step["labels"]),
            outputs=step["outputs"],
            base_task=mlrun.new_task(
                out_path=f"{plan['artifact_path']}/{{{{workflow.uid}}}}" if plan["artifact_path"] else ""
            ),
        )
        node.enable_caching = False  # a step also changes what lies outside of it: it registers, it stores
        if plan["retries"]:
            node.set_retry(plan["retries"], policy="Always")
        made[step["name"]] = node

    for step in plan["steps"]:
        if option := step["only_with"]:
            with dsl.Condition(arguments[option] != plan["nothing"][option], name=f"with-{option.replace('_', '-')}"):
                for each in step["steps"]:
                    add(each)
        else:
            add(step["steps"][0])


def compile_plan(target: str) -> None:
    """Save the functions in the database and write the pipeline's YAML."""
    plan = _plan()
    project = mlrun.new_project(plan["project"], context=plan["context"], save=False)
    for description in plan["functions"]:
        function = mlrun.new_function(runtime=description)
        wanted = plan["pods"].get(function.metadata.name) or plan["pods"]["default"]
        function.spec.image = plan["image"] or function.spec.image or plan["default_image"]
        function.with_requests(mem=wanted.get("memory"), cpu=wanted.get("cpu"))
        function.with_limits(mem=wanted.get("memory"), cpu=wanted.get("cpu"), gpus=wanted.get("gpus"))
        for volume in plan["volumes"]:
            name = f"volume-{volume['claim']}"
            function.apply(mount_pvc(volume["claim"], volume_name=name, volume_mount_path=volume["path"]))
        for variable, value in plan["env"].items():
            function.set_env(variable, value)
        for variable, secret in plan["secrets"].items():
            function.set_env_from_secret(variable, secret, variable)
        project.set_function(function, name=function.metadata.name)
    project.set_workflow("main", __file__, engine="kfp")
    project.save_workflow("main", target)


def _plan() -> dict[str, Any]:
    return json.loads(Path(os.environ[_PLAN]).read_bytes())  # type: ignore[no-any-return]


if os.environ.get(_PLAN):
    pipeline.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # Kubeflow's compiler reads it
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=str)
            for name, default in _plan()["parameters"].items()
        ]
    )

if __name__ == "__main__":
    compile_plan(sys.argv[1])
