"""Architectures by name: small entry points in one file per family, found through a decorator.

A network takes normalised images (B, 3, H, W) and returns logits (B,), positive meaning fake. Called with
``return_attention=True`` it returns ``(logits, attention)``, where attention is (B, 1, h, w) in [0, 1], or
None for a network that has no attention map.
"""

from __future__ import annotations

import difflib
import fnmatch
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError, validate_call
from torch import nn

from aletheia.core.errors import InputError
from aletheia.core.validation import explain_validation

# Imported when a name is first asked for: each module registers its entry points.
_FAMILIES = ("attention_cnn", "efficientnet", "pooled")
_ENTRY_POINTS: dict[str, Callable[..., nn.Module]] = {}


def register(name: str) -> Callable[[Callable[..., nn.Module]], Callable[..., nn.Module]]:
    """Register an entry point under `name`.

    The entry point takes keyword options only. Their annotations (with pydantic's ``Field`` bounds) are
    checked at each call, since options also come from files that strangers wrote.
    """

    def wrap(entry: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        if name in _ENTRY_POINTS:
            raise ValueError(f"the architecture {name!r} is registered twice")
        _ENTRY_POINTS[name] = validate_call(entry)
        return entry

    return wrap


def _entry_points() -> dict[str, Callable[..., nn.Module]]:
    for family in _FAMILIES:
        importlib.import_module(f"aletheia.models.{family}")
    return _ENTRY_POINTS


def list_models(pattern: str = "*") -> list[str]:
    """Names of the registered architectures that match a shell pattern, sorted."""
    return sorted(fnmatch.filter(_entry_points(), pattern))


def model_options(name: str) -> dict[str, Any]:
    """Options of an architecture and their defaults.

    Raises
    ------
    InputError
        When there is no architecture of that name.
    """
    parameters = inspect.signature(_find(name)).parameters
    return {key: parameter.default for key, parameter in parameters.items()}


def create_model(name: str, *, weights: str = "none", **options: Any) -> nn.Module:
    """Build a network.

    Parameters
    ----------
    name : str
        One of `list_models`.
    weights : str, default 'none'
        'none' for a random start, 'imagenet' for a download, or a local file (.safetensors, .pth). This is
        not one of the options on purpose: a bundle stores options, and loading it must never read another
        file.
    **options
        What `model_options` lists.

    Returns
    -------
    nn.Module
        Maps images (B, 3, H, W) to logits (B,).

    Raises
    ------
    InputError
        Unknown name, unknown option, a value out of its range, or weights that cannot be had or do not fit.
    """
    entry = _find(name)
    try:
        model = entry(**options)
    except ValidationError as error:
        known = ", ".join(model_options(name)) or "none"
        raise InputError(
            f"Options of the architecture {name!r} do not fit. {explain_validation(error)}. Its options: {known}."
        ) from None
    if weights != "none":
        from aletheia.models.pretrained import load_pretrained

        load_pretrained(model, name, weights)
    return model


def _find(name: str) -> Callable[..., nn.Module]:
    entries = _entry_points()
    if name not in entries:
        close = difflib.get_close_matches(str(name)[:80], entries, n=3)
        hint = f"Did you mean {' or '.join(close)}?" if close else f"There are: {', '.join(sorted(entries))}."
        raise InputError(f"There is no architecture {str(name)[:80]!r}. {hint}")
    return entries[name]


def count_parameters(model: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
