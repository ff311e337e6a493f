"""Arguments of a workflow as one configuration."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from aletheia.core.errors import InputError
from aletheia.project.run_config import RunConfig
from aletheia.project.workflow_check import refuse_faulty_workflow
from aletheia.project.workflow_record import recorded_workflow

Result = TypeVar("Result")
_PLAIN = (type(None), bool, int, float, str, list, tuple, dict)


@contextlib.contextmanager
def _exit_code() -> Iterator[None]:
    """Let a failure end MLRun's command line with another code than 0: it catches exceptions, but no SystemExit."""
    if Path(sys.argv[0]).name != "mlrun" or "project" not in sys.argv[1:2]:
        yield
        return
    InputError.raised.clear()
    try:
        yield
    except Exception as error:
        reason = InputError.raised[-1] if InputError.raised else None
        print(f"The workflow failed. {reason or error}", file=sys.stderr)
        raise SystemExit(2 if reason else 1) from error


def options_class(workflow: Callable[[Any], Any]) -> type[RunConfig]:
    """Return the class of a workflow's options, as the annotation of its parameter says."""
    kind: type[RunConfig] = next(iter(get_type_hints(workflow).values()), RunConfig)
    return kind


def takes_config(workflow: Callable[[Any], Result]) -> Callable[..., Result]:
    """Let a workflow be called with options as keyword arguments, as MLRun does; it gets them as one configuration.

    Of which class that is, the annotation of the workflow's parameter says: `RunConfig`, or one that adds options.

    The options, and its steps against the functions that they run, are checked before the workflow starts, and one run
    records the whole of it. MLRun's own command line, ``mlrun project … -r``, exits with 0 whatever becomes of a
    workflow: there a failure is printed as a sentence and ends the process, with 2 when the user can mend it, else with
    1.

    When a pipeline is compiled for a cluster, its arguments are placeholders; they are passed through unchecked.
    """
    kind = options_class(workflow)
    names = list(kind.model_fields)

    @functools.wraps(workflow)
    def call(*args: Any, **kwargs: Any) -> Result:
        values = dict(zip(names, args, strict=False)) | kwargs
        if all(isinstance(value, _PLAIN) for value in values.values()):
            with _exit_code():
                refuse_faulty_workflow(Path(inspect.getfile(workflow)))
                config = kind.parse(values).check()
                with recorded_workflow(config, workflow.__name__):
                    return workflow(config)
        return workflow(kind.model_construct(**kind.renamed(values)))

    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # MLRun and Kubeflow read it
        [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=kind.default_of(name),
                annotation=kind.model_fields[name].annotation,
            )
            for name in names
        ]
    )
    return call
