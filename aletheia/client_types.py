"""Types of the Python client and its HTTP implementation."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class ModelNote:
    """Description of the model that answers.

    Attributes
    ----------
    uri : str
        Its address: that of the registry, a folder, or the name that a service gives it.
    version : str
        The first digits of the hash of its weights.
    trained_on : str
        Sources and generators of the training data, as text; may be empty.
    tag : str
        Tag of a registered model; empty for a folder, an ensemble or a service.
    kind_note : str
        That it has no test for pictures of another kind, and why; empty where it has one, and for a service
        of an earlier version.
    device : str
        Where its network is computed: cpu, cuda or gpu; empty for a service of an earlier version.
    """

    uri: str
    version: str
    trained_on: str = ""
    tag: str = ""
    kind_note: str = ""
    device: str = ""
