"""Network architectures by name.

An architecture is a function that builds a network (see `aletheia.models.network`), registered by a decorator::

    @register_network("my_network")
    def my_network(*, width: Annotated[int, Field(ge=4, le=128)] = 16) -> nn.Module: ...

Every module of `aletheia.models.networks` is imported when a name is first needed. Another package registers its own by
calling `register_network`, or declares the module that does so in the entry-point group ``aletheia.networks``.
"""

from __future__ import annotations

import fnmatch
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError, validate_call

from aletheia.core.errors import InputError
from aletheia.core.plugins import Registry
from aletheia.core.validation import explain_validation
from aletheia.models.catalogue import GROUP, NetworkEntry

if TYPE_CHECKING:  # checking the options of a run needs the names, and not the seconds that torch takes to load
    from torch import nn

Builder = TypeVar("Builder", bound="Callable[..., nn.Module]")

_REGISTRY: Registry[Callable[..., nn.Module]] = Registry(
    "architecture", group=GROUP, package="aletheia.models.networks"
)


def register_network(name: str) -> Callable[[Builder], Builder]:
    """Register the decorated function under `name`.

    The function takes keyword options only, each with a default. Their annotations (with pydantic's ``Field`` bounds)
    are checked at each call, since options also come from model files of unknown origin.

    Parameters
    ----------
    name : str
        The name for `create_model` and for ``architecture`` of a training configuration.

    Raises
    ------
    InputError
        When another function has that name. The same function may be registered again, as a notebook does when a cell
        runs twice.
    ValueError
        When an option can be positional or has no default.
    """

    def register(builder: Builder) -> Builder:
        for option in inspect.signature(builder).parameters.values():
            if option.kind is not option.KEYWORD_ONLY or option.default is option.empty:
                raise ValueError(f"the architecture {name!r}: {option.name} must be keyword-only and have a default")
        _REGISTRY.register(name)(validate_call(builder))
        return builder

    return register


def list_models(pattern: str = "*") -> list[str]:
    """Return the names of the registered architectures that match a shell pattern, sorted."""
    return sorted(fnmatch.filter(_REGISTRY.all(), pattern))


def network_builder(name: str) -> Callable[..., nn.Module]:
    """Return the function that builds an architecture.

    Raises
    ------
    InputError
        When there is no architecture of that name.
    """
    return _REGISTRY.find(name)


def model_options(name: str) -> dict[str, Any]:
    """Return the options of an architecture and their defaults.

    Raises
    ------
    InputError
        When there is no architecture of that name.
    """
    parameters = inspect.signature(_REGISTRY.find(name)).parameters
    return {key: parameter.default for key, parameter in parameters.items()}


def create_model(name: str, *, weights: str = "none", **options: Any) -> nn.Module:
    """Build a network.

    Parameters
    ----------
    name : str
        One of `list_models`.
    weights : str, default 'none'
        'none' for a random start, 'imagenet' for a download, 'package' for an installed package, or a local file
        (.safetensors, .pth). This is not one of the options on purpose: a bundle stores options, and loading it must
        never read another file.
    **options
        Those of `model_options`.

    Returns
    -------
    nn.Module
        Maps images (B, 3, H, W) to logits (B,).

    Raises
    ------
    InputError
        Unknown name, unknown option, a value out of its range, or weights that cannot be loaded or do not fit.
    """
    builder = _REGISTRY.find(name)
    try:
        model = builder(**options)
    except ValidationError as error:
        known = ", ".join(model_options(name)) or "none"
        raise InputError(
            f"Options of the architecture {name!r} do not fit. {explain_validation(error)}. Its options: {known}."
        ) from None
    if weights != "none":
        from aletheia.models.pretrained import load_pretrained

        load_pretrained(model, name, weights)
    return model


def describe_network(name: str) -> NetworkEntry:
    """Return name, size and options of an architecture; no memory is taken for its weights.

    Raises
    ------
    InputError
        When there is no architecture of that name.
    """
    import torch

    with torch.device("meta"):
        return NetworkEntry(name, count_parameters(create_model(name)), model_options(name))


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
