"""Ages as data sets write them."""

from __future__ import annotations

import pytest

from aletheia.datasets.age_bins import ADULT, CHILD, SENIOR, TEENAGER, age_bin


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", CHILD), ("12.9", CHILD), ("13", TEENAGER), ("19", TEENAGER), ("20", ADULT), ("59", ADULT), ("60", SENIOR),
        ("0-2", CHILD), ("3-9", CHILD), ("10-19", TEENAGER), ("20-29", ADULT), ("50–59", ADULT), ("60-69", SENIOR),
        ("more than 70", SENIOR), ("70+", SENIOR), ("(25, 32)", ADULT), ("25_32", ADULT), ("under 10", CHILD),
        ("10 month old baby", CHILD), ("18 months", CHILD), ("2.5 year old toddler", CHILD), ("small child", CHILD),
        ("16 year old teenager", TEENAGER), ("Adult", ADULT), ("70 year old senior", SENIOR), ("old", SENIOR),
        ("young", "young"), ("golden", "golden"), ("1987", "1987"), ("", ""),
    ],
)  # fmt: skip
def test_age_bin(text, expected):
    assert age_bin(text) == expected
