"""Executes a compiled pipeline on this machine, as Argo would: template by template, in the order of the graph."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

#: With --local MLRun runs the step in this process, as a pod would run it in its own. It forgets --kfp over it, which
#: writes the files that Kubeflow reads outputs from, of the run as the database has it.
_STEP = """
import mlrun
import mlrun_pipelines.common.ops as ops
from mlrun.__main__ import main
from mlrun.launcher.local import ClientLocalLauncher as Launcher

create, write = Launcher._create_local_function_for_execution, ops.write_kfpmeta

def remember(*args, **kwargs):
    function = create(*args, **kwargs)
    function.kfp = True
    return function

def write_stored(run):
    write(mlrun.get_run_db().read_run(run["metadata"]["uid"], run["metadata"]["project"]))

Launcher._create_local_function_for_execution, ops.write_kfpmeta = remember, write_stored
main()
"""
_REFERENCE = re.compile(r"\{\{([^{}]+)\}\}")


class Walker:
    """Runs the containers' commands, each in an empty folder of its own.

    Only what Kubeflow's compiler writes for this workflow is understood; anything else fails.

    Parameters
    ----------
    workflow : dict
        The YAML.
    folder : path
        The working folders are made there.
    environment : dict
        Of the steps, in place of this process's: MLRun notes there what other tests did, such as the project.
    values : dict
        Parameters other than their defaults.
    """

    def __init__(self, workflow: dict[str, Any], folder: Path, environment: dict[str, str], **values: str) -> None:
        spec = workflow["spec"]
        self.templates = {template["name"]: template for template in spec["templates"]}
        self.entrypoint = spec["entrypoint"]
        given = {each["name"]: each["value"] for each in spec["arguments"]["parameters"]}
        assert values.keys() <= given.keys()
        self.arguments = given | values
        self.folder, self.environment = folder, environment
        self.ran: list[str] = []

    def run(self) -> None:
        """Run the pipeline; a step that fails raises AssertionError with its last lines."""
        entry = self.templates[self.entrypoint]
        self._run(entry, {each["name"]: self.arguments[each["name"]] for each in entry["inputs"]["parameters"]})

    def _run(self, template: dict[str, Any], inputs: dict[str, str]) -> dict[str, str]:
        if "dag" in template:
            return self._run_graph(template, inputs)
        return self._run_container(template, inputs)

    def _run_graph(self, template: dict[str, Any], inputs: dict[str, str]) -> dict[str, str]:
        waiting = {task["name"]: task for task in template["dag"]["tasks"]}
        made: dict[str, dict[str, str]] = {}

        def resolve(text: str) -> str:
            return _REFERENCE.sub(lambda match: self._value(match[1], inputs, made), text)

        while waiting:
            ready = [name for name, task in waiting.items() if not set(task.get("dependencies", ())) & waiting.keys()]
            assert ready, f"a circle among {', '.join(waiting)}"
            for name in sorted(ready):
                task = waiting.pop(name)
                if "when" in task:
                    left, operator, right = re.fullmatch(r'"(.*)" (!=|==) "(.*)"', resolve(task["when"])).groups()
                    if (left == right) != (operator == "=="):
                        made[name] = {}
                        continue
                given = task.get("arguments", {}).get("parameters", [])
                made[name] = self._run(
                    self.templates[task["template"]], {each["name"]: resolve(each["value"]) for each in given}
                )
        return {}

    def _value(self, reference: str, inputs: dict[str, str], made: dict[str, dict[str, str]]) -> str:
        kind, *rest = reference.split(".")
        if reference == "workflow.uid":
            return "0f0e0d0c-0000-4000-8000-000000000001"
        if kind == "inputs":
            return inputs[rest[1]]
        assert kind == "tasks" and rest[1:3] == ["outputs", "parameters"], reference
        return made[rest[0]][rest[3]]

    def _run_container(self, template: dict[str, Any], inputs: dict[str, str]) -> dict[str, str]:
        name = template["name"]
        command = [
            _REFERENCE.sub(lambda match: self._value(match[1], inputs, {}), part)
            for part in template["container"]["command"]
        ]
        assert command[:5] == ["python", "-m", "mlrun", "run", "--kfp"]
        command[:4] = [sys.executable, "-c", _STEP, "run", "--local"]
        outputs = {each["name"]: Path(each["valueFrom"]["path"]) for each in template["outputs"].get("parameters", [])}
        for path in outputs.values():
            path.unlink(missing_ok=True)
        folder = self.folder / name
        folder.mkdir()
        result = subprocess.run(command, cwd=folder, env=self.environment, capture_output=True, text=True, check=False)
        lines = (result.stdout + result.stderr).strip().splitlines()
        assert result.returncode == 0, f"{name}: {lines[-12:]}"
        assert all(path.is_file() for path in outputs.values()), f"{name}: {lines[-12:]}"
        shutil.rmtree(folder)  # a pod's disk goes with it
        self.ran.append(name)
        return {key: path.read_text() for key, path in outputs.items()}
