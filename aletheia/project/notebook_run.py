"""What a notebook needs to run its handler in place and look at what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlparse

import mlrun
from mlrun.model import HyperParamOptions, RunObject

from aletheia.core.errors import InputError


def run_handler(
    handler: Callable,
    *,
    params: Mapping[str, Any] | None = None,
    inputs: Mapping[str, str] | None = None,
    hyperparams: Mapping[str, list] | None = None,
    hyper_param_options: HyperParamOptions | None = None,
) -> RunObject:
    """Run a handler as it stands in this notebook, tracked like a step of the workflow.

    The run and its artifacts have the names that the workflow gives them, so that the next notebook finds them.

    Raises
    ------
    InputError
        When no project is open, or a grid has no values.
    mlrun.runtimes.utils.RunError
        When the handler raises.
    """
    project = mlrun.get_current_project(silent=True)
    if project is None:
        raise InputError("No project is open. Run the cell with open_project() first.")
    for name, values in (hyperparams or {}).items():
        if not values:
            raise InputError(f"The grid has no values for {name}; give at least one.")
    name = handler.__name__.replace("_", "-")
    function = mlrun.new_function(name, project=project.name, kind="local")
    return function.run(
        handler=handler,
        name=name,
        params=dict(params or {}),
        inputs=dict(inputs or {}),
        hyperparams=dict(hyperparams) if hyperparams else None,
        hyper_param_options=hyper_param_options,
        output_path=project.artifact_path,
        local=True,
    )


def last_outputs(name: str) -> dict[str, Any]:
    """Results and artifact URIs of the newest completed run of that name.

    Raises
    ------
    InputError
        When there is none.
    """
    project = mlrun.get_current_project(silent=True)
    runs = mlrun.get_run_db().list_runs(name=name, project=project.name, states=["completed"])
    if not runs:
        raise InputError(f"There is no completed run of {name}; run its notebook, or the workflow, first.")
    return RunObject.from_dict(runs[0]).outputs


def display_artifact(run: RunObject, key: str):
    """Display the plot or picture ``key`` of a run in the notebook.

    Raises
    ------
    InputError
        When the run logged no such plot.
    """
    from IPython.display import HTML, Image

    uris = run.status.artifact_uris or {}  # not run.outputs: for plots that holds bare paths
    if key not in uris:
        raise InputError(f"The run {run.metadata.name} logged no {key}; it logged: {', '.join(uris)}.")
    content = mlrun.get_dataitem(uris[key]).get()
    if content.startswith(b"\x89PNG"):
        return Image(content)
    page = content.decode()
    # A frame of its own keeps the plot's scripts away from the notebook's; the block around it, IPython's advice.
    escaped = page.replace("&", "&amp;").replace('"', "&quot;")
    return HTML(f'<div><iframe srcdoc="{escaped}" width="100%" height="520" frameborder="0"></iframe></div>')


def local_path(target: str) -> str:
    """The file behind a target path that may be written as a ``file://`` URL."""
    parts = urlparse(target)
    return unquote(parts.path) if parts.scheme == "file" else target
