"""Arguments of a workflow as one configuration."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from aletheia.project.run_config import RunConfig
from aletheia.project.workflow_record import recorded_workflow

Result = TypeVar("Result")
_PLAIN = (type(None), bool, int, float, str, list, tuple, dict)


def takes_config(workflow: Callable[[RunConfig], Result]) -> Callable[..., Result]:
    """Let a workflow be called with options as keyword arguments, as MLRun does; it gets them as one configuration.

    The options are checked before the workflow starts, and one run records the whole of it. When a pipeline is compiled
    for a cluster, its arguments are placeholders; they are passed through unchecked.
    """
    names = list(RunConfig.model_fields)

    @functools.wraps(workflow)
    def call(*args: Any, **kwargs: Any) -> Result:
        values = dict(zip(names, args, strict=False)) | kwargs
        if all(isinstance(value, _PLAIN) for value in values.values()):
            config = RunConfig.parse(values).check()
            with recorded_workflow(config, workflow.__name__):
                return workflow(config)
        return workflow(RunConfig.model_construct(**RunConfig.renamed(values)))

    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # MLRun and Kubeflow read it
        [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=RunConfig.default_of(name),
                annotation=RunConfig.model_fields[name].annotation,
            )
            for name in names
        ]
    )
    return call
