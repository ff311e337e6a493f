"""Parameters and inputs of a handler: MLRun drops those that the handler does not have; here they are refused."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from aletheia.core.errors import InputError

if TYPE_CHECKING:
    import mlrun

Result = TypeVar("Result")
#: Name of the variable keyword parameter by which a handler takes options of a run.
_OPTIONS = "options"


def refuse_unknown(handler: Callable[..., Result]) -> Callable[..., Result]:
    """Decorate a handler: what it is given beside its parameters is refused in one sentence, as are missing inputs.

    MLRun reads a handler's signature: it drops parameters that are not in it, and stops at an unknown input of a
    handler with ``**options`` with a `KeyError`. So it is shown a signature without ``**options``, and what the run was
    given is read from its context.

    Raises
    ------
    InputError
        When the decorated handler is called, for a parameter or an input that it does not have, with one that is
        spelled like it, or for an input that it needs and was not given.
    """
    signature = inspect.signature(handler)
    named = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    is_open = len(named) < len(signature.parameters)

    @functools.wraps(handler)
    def call(context: mlrun.MLClientCtx, **given: Any) -> Result:
        params: dict[str, Any] = dict(context.parameters or {})
        check_call(handler, params, context.inputs or {})
        missing = [p.name for p in named if p.default is p.empty and p.name not in {"context", *given}]
        if missing:
            needs = " and ".join(repr(name) for name in missing)
            raise InputError(f"{handler.__name__} needs {needs}, which it was not given; see the help of the function.")
        options = {name: value for name, value in params.items() if is_open and name not in signature.parameters}
        return handler(context, **{**options, **given})

    call.__signature__ = signature.replace(parameters=named)  # type: ignore[attr-defined]
    return call


def check_call(handler: Callable[..., Any], params: Iterable[str], inputs: Iterable[str]) -> None:
    """Refuse parameters and inputs that a handler does not have.

    A handler with ``**options`` takes the options of a run and the columns of its search; one with another ``**name``
    checks its parameters itself. Inputs are parameters with names in any case.

    Raises
    ------
    InputError
    """
    signature = inspect.signature(inspect.unwrap(handler)).parameters.values()
    named = [p.name for p in signature if p.name != "context" and p.kind is not p.VAR_KEYWORD]
    others = next((p.name for p in signature if p.kind is p.VAR_KEYWORD), None)
    for name in inputs:
        if name not in named:
            raise InputError(unknown_text(handler.__name__, "input", name, named))
    known = [*named, *(_option_names() if others == _OPTIONS else ())]
    for name in params if others in (None, _OPTIONS) else ():
        if name not in known:
            raise InputError(unknown_text(handler.__name__, "parameter", name, known))


def unknown_text(handler: str, kind: str, name: str, known: Iterable[str]) -> str:
    """Say that a handler has no such parameter, input or output, and which is spelled like it."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known) or 'none'}."
    return f"{handler} has no {kind} {name!r}; {hint}"


def _option_names() -> list[str]:
    """Return what ``**options`` may hold: options of a run, also by their former names, and columns of its search."""
    from aletheia.project.run_config import RunConfig
    from aletheia.project.search_options import column_names

    return [*RunConfig.model_fields, *RunConfig.former_names(), *column_names()]
