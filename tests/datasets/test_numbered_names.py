"""Names that count the frames of a video."""

from __future__ import annotations

import pytest

from aletheia.datasets.numbered_names import find_sequences


def keys(names: list[str]) -> dict[str, list[int]]:
    return {sequence.key: sequence.rows for sequence in find_sequences(names, ["real"] * len(names))}


def test_find_sequences_orders_by_number():
    assert keys(["d/f10.png", "d/f9.png", "d/f1.png"]) == {"d/f": [2, 1, 0]}


def test_find_sequences_keeps_the_videos_number():
    names = [f"d/id{a}_id{b}_0001_{k}.png" for a, b in ((0, 1), (2, 3)) for k in range(3)]
    assert keys(names) == {"d/id0_id1_0001": [0, 1, 2], "d/id2_id3_0001": [3, 4, 5]}


def test_find_sequences_sees_a_face_number_behind_the_frames():
    names = [f"d/{frame:04d}_{face}.png" for frame in range(12) for face in range(2)]
    assert keys(names) == {"d": list(range(24))}


def test_find_sequences_needs_two_and_no_videos():
    assert keys(["d/a1.png", "d/b2.png", "d/v1.mp4", "d/v2.mp4"]) == {}
    mixed = find_sequences(["d/1.png", "d/2.png", "d/note.png"], ["real"] * 3)
    assert [sequence.is_folder for sequence in mixed] == [False]
    assert find_sequences(["d/1.png", "d/2.png"], ["real", "fake"]) == []


def rows_of(names: list[str]) -> list[list[str]]:
    found = find_sequences(names, ["real"] * len(names))
    return [[names[i] for i in sequence.rows] for sequence in found]


#: Names in the order of their frames, and whether they are one sequence.
ONE = {
    "seconds": [f"d/talk_t{k / 2:.2f}.png" for k in range(6)],
    "seconds with a comma": [f"d/{k * 0.4:.1f}".replace(".", ",") + ".png" for k in range(8)],
    "seconds and faces": ["d/t0.5_0.png", "d/t0.5_1.png", "d/t1.0_0.png", "d/t1.5_0.png", "d/t2.0_0.png"],
    "times": [f"d/x-{k // 60:02d}m{k % 60:02d}s.png" for k in range(57, 63)],
    "hours": [f"d/{k // 3600}h{k // 60 % 60}m{k % 60}s.png" for k in range(3597, 3603)],
    "base sixteen": [f"d/f{k:02x}.png" for k in range(4, 20)],
    "base sixteen of any width": [f"d/f{k:X}.png" for k in range(8, 20)],
    "every tenth in base sixteen": [f"d/frame{k:04x}.png" for k in range(0, 160, 10)],
    "letters": [f"d/{letter}.png" for letter in "abcd"],
    "two letters": [f"d/talk_{pair}.png" for pair in ("ay", "az", "ba", "bb")],
}


@pytest.mark.parametrize("way", ONE)
def test_find_sequences_orders_all_that_counts(way):
    assert rows_of(ONE[way][::-1]) == [ONE[way]]


def test_find_sequences_tells_a_point_between_two_numbers_from_decimals():
    names = [f"d/v{video}.{k:03d}.png" for video in (1, 2) for k in range(1, 5)]
    assert rows_of(names) == [names[:4], names[4:]]


def test_find_sequences_takes_letters_beside_numbers_for_no_base_sixteen():
    names = [f"d/{video}{k}.png" for video in "ab" for k in range(1, 10)]
    assert rows_of(names) == [names[:9], names[9:]]


def test_find_sequences_tells_videos_apart_by_what_follows_the_number():
    names = [f"d/{k}_{video}.png" for video in ("talk", "walk") for k in range(3)]
    assert keys(names) == {"d/_talk": [0, 1, 2], "d/_walk": [3, 4, 5]}


@pytest.mark.parametrize(
    "names", [["9f3", "a8bbcc00", "77ff"], ["ann", "bob", "cleo"], ["a", "c", "z"], ["a", "b", "cc"], ["a", "b"]]
)
def test_find_sequences_leaves_names_that_do_not_count(names):
    assert keys([f"d/{name}.png" for name in names]) == {}


def test_find_sequences_marks_letters():
    found = find_sequences(["d/a.png", "d/b.png", "d/c.png", "e/1.png", "e/2.png"], ["real"] * 5)
    assert [(sequence.key, sequence.is_counted, sequence.is_folder) for sequence in found] == [
        ("d", False, True),
        ("e", True, True),
    ]
