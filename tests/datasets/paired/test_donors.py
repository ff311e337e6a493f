"""Choice of donors: near, another person, and in circles that can be split."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from aletheia.datasets.paired.donors import CIRCLE, aligned_shapes, choose_donors
from aletheia.datasets.paired.genuine import Genuine
from aletheia.datasets.paired.measuring import FaceMeasures


def people(n: int, **known: str) -> list[Genuine]:
    return [Genuine(f"{k}.png", Path(f"{k}.png"), "camera", dict(known)) for k in range(n)]


def test_aligned_shapes_forget_place_size_and_turn(measured):
    points = measured[0].points
    turn = 2.5 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    shapes = aligned_shapes([points, points @ turn.T + (40, -9)])
    np.testing.assert_allclose(shapes[0], shapes[1], atol=1e-4)


def test_nearest_person_is_chosen(measured):
    pictures = people(8)
    donors = choose_donors(pictures, measured)
    assert donors[6:] == [7, 6]  # the only two that look that far to the side
    one = dataclasses.replace(measured[0], colour=measured[0].colour + 1)
    assert choose_donors(people(9), [*measured, one])[0] == 8  # the same shape, almost the same colour
    for wrong in (
        dataclasses.replace(one, colour=measured[0].colour + 40),
        dataclasses.replace(one, size=measured[0].size / 16),
    ):
        assert choose_donors(people(9), [*measured, wrong])[0] != 8


def test_donors_of_another_person_or_none(measured):
    assert choose_donors(people(8, identity="ann"), measured) == [None] * 8
    mixed = [dataclasses.replace(one, known={"gender": "f" if k < 4 else "m"}) for k, one in enumerate(people(8))]
    for k, donor in enumerate(choose_donors(mixed, measured)):
        assert donor is None or (donor < 4) == (k < 4)


def test_own_source_comes_first(measured):
    faces = [measured[0], dataclasses.replace(measured[0], colour=measured[0].colour + 5), measured[0]]
    pictures = people(3)
    pictures[2] = dataclasses.replace(pictures[2], source="other")
    assert choose_donors(pictures, faces) == [1, 0, 0]


@pytest.mark.parametrize("circle", [4, CIRCLE])
def test_circles_stay_small(measured, circle):
    face = measured[0]
    # Each is nearest to the one before: without a limit a chain of all.
    colours = [face.colour + np.float32((0, 0, 0.1 * k + 0.005 * k**2)) for k in range(60)]
    faces = [FaceMeasures(face.points, colour, face.size) for colour in colours]
    assert choose_donors(people(60), faces, 10**6) == [1, *range(59)]
    donors = choose_donors(people(60), faces, circle)
    group = list(range(60))
    for target, donor in enumerate(donors):
        assert donor is not None and donor != target
        old, new = group[target], group[donor]
        group = [new if number == old else number for number in group]
    sizes = sorted(Counter(group).values())
    assert sizes[-1] <= circle + 1  # a last one, with nobody else near, may join a full circle
    assert len(sizes) >= 60 // (circle + 1)


def test_no_pictures():
    assert choose_donors([], []) == []
