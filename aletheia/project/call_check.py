"""Parameters and inputs of a handler: MLRun drops those that the handler does not have; here they are refused."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aletheia.core.errors import InputError


def refuse_unknown(handler: Callable[..., Any], unknown: Mapping[str, Any]) -> None:
    """Refuse what a handler was given beside its parameters; for handlers that end in ``**unknown``.

    Raises
    ------
    InputError
        When anything was; the message names it and a parameter that is spelled like it.
    """
    for name in unknown:
        raise InputError(unknown_text(handler.__name__, "parameter", name, _named(handler)))


def check_call(handler: Callable[..., Any], params: Iterable[str], inputs: Iterable[str]) -> None:
    """Refuse parameters and inputs that a handler does not have.

    A handler with ``**options`` checks its parameters itself; its inputs are parameters with names in any case.

    Raises
    ------
    InputError
    """
    takes_any = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(handler).parameters.values())
    named = _named(handler)
    for kind, names in (("parameter", () if takes_any else params), ("input", inputs)):
        for name in names:
            if name not in named:
                raise InputError(unknown_text(handler.__name__, kind, name, named))


def unknown_text(handler: str, kind: str, name: str, known: Iterable[str]) -> str:
    """Say that a handler has no such parameter, input or output, and which is spelled like it."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}."
    return f"{handler} has no {kind} {name!r}; {hint}"


def _named(handler: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(handler).parameters.values()
    return [p.name for p in parameters if p.name != "context" and p.kind is not p.VAR_KEYWORD]
