"""Identities: shares of groups, repeatable, independent."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from aletheia.datasets.synthetic.people import (
    AGES,
    GENDERS,
    GROUP_SHARES,
    SKIN_TONES,
    draw_people,
    srgb_to_linear,
)


@pytest.mark.parametrize("source", ["cam-a", "cam-b"])
def test_draw_people_group_shares(source):
    people = draw_people(200, source, seed=3)
    for column, values in (("gender", GENDERS), ("age", AGES), ("skin_tone", SKIN_TONES)):
        counts = [sum(getattr(p, column) == value for p in people) for value in values]
        assert np.abs(np.array(counts) - 200 * np.array(GROUP_SHARES[source][column])).max() <= 1


def test_draw_people_years_and_monk_in_their_groups():
    for person in draw_people(60, "cam-a", seed=1):
        low = int(person.age[:2])
        high = 200 if person.age.endswith("+") else int(person.age[3:]) + 1
        assert low <= person.years < high
        assert SKIN_TONES[(person.monk - 1) // 2] == person.skin_tone


def test_draw_people_darker_tones_reflect_less():
    people = draw_people(120, "cam-b", seed=0)
    means = [np.mean([p.skin.mean() for p in people if p.skin_tone == tone]) for tone in SKIN_TONES]
    assert all(a > b for a, b in itertools.pairwise(means)), means


def test_draw_people_seeds_and_pools():
    first, again = draw_people(9, "cam-a", seed=5), draw_people(9, "cam-a", seed=5)
    for a, b in zip(first, again, strict=True):
        for field in dataclasses.fields(a):
            assert np.array_equal(getattr(a, field.name), getattr(b, field.name))
    other = draw_people(9, "cam-a", seed=6)
    assert [p.texture_seed for p in first] != [p.texture_seed for p in other]
    pool = draw_people(9, "cam-b", seed=5)
    assert not {p.texture_seed for p in first} & {p.texture_seed for p in pool}
    assert not {p.identity for p in first} & {p.identity for p in pool}


def test_srgb_to_linear_known_points():
    # IEC 61966-2-1: mid grey 188 is half the light, 10 lies on the straight part.
    np.testing.assert_allclose(srgb_to_linear([0, 255, 188, 10]), [0, 1, 0.503, 10 / 255 / 12.92], atol=2e-3)
