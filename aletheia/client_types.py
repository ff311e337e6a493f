"""Types that the client shares with its HTTP half."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class ModelNote:
    """What is known of the model that answers.

    Attributes
    ----------
    uri : str
        Where it comes from.
    version : str
        The beginning of the hash of its weights.
    trained_on : str
        Sources and generators of the training, in words; may be empty.
    tag : str
        Of the registered model; empty for a folder, an ensemble or a service.
    """

    uri: str
    version: str
    trained_on: str = ""
    tag: str = ""
