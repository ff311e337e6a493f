"""The networks of this package as a table that needs no PyTorch; a test compares it with the networks themselves."""

from __future__ import annotations

from typing import Any, NamedTuple

#: Entry points by which other packages add networks.
GROUP = "aletheia.networks"


class NetworkEntry(NamedTuple):
    """A network: its name, number of trainable parameters, and options with their defaults."""

    name: str
    parameters: int
    options: dict[str, Any]


_EFFICIENTNETS = (4_008_829, 6_514_465, 7_702_403, 10_697_769, 17_550_409, 28_342_833, 40_738_009, 63_789_521)
#: Of EfficientNet of this package, see `aletheia.models.networks.efficientnet`.
_PADDING = {"dropout": None, "padding_size": None, "stem_padding": True}
OWN = (
    NetworkEntry("attention_cnn", 35_562, {"width": 16, "dropout": 0.2}),
    NetworkEntry("efficientnet_autoatt_b0", 4_008_870, _PADDING),
    NetworkEntry("efficientnet_autoatt_b4", 17_550_466, _PADDING),
    *(NetworkEntry(f"efficientnet_b{i}", count, _PADDING) for i, count in enumerate(_EFFICIENTNETS)),
    NetworkEntry("efficientnet_lite0", 3_372_289, {"dropout": 0.0}),
    NetworkEntry("efficientnet_lite2", 4_812_353, {"dropout": 0.0}),
    NetworkEntry("mobilenet_v2", 2_225_153, {"dropout": None}),
    *(
        NetworkEntry(f"torchvision_efficientnet_b{i}", count, {"dropout": None})
        for i, count in enumerate(_EFFICIENTNETS)
    ),
    NetworkEntry("xception", 20_809_001, {"dropout": 0.0}),
)
