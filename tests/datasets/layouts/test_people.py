"""People in the names of videos."""

from __future__ import annotations

import pytest

from aletheia.datasets.layouts.people import actor_people, celeb_people, numbered_people


@pytest.mark.parametrize(
    ("read", "name", "expected"),
    [
        (celeb_people, "id0_0001", ("p-id0", "")),
        (celeb_people, "ID12_id3_0001", ("", "p-id12|p-id3")),
        (celeb_people, "id0_id1", ("", "")),
        (celeb_people, "video_0001", ("", "")),
        (numbered_people, "033", ("p-033", "")),
        (numbered_people, "033_097", ("", "p-033|p-097")),
        (numbered_people, "0330", ("", "")),
        (actor_people, "01__exit_phone_room", ("p-01", "")),
        (actor_people, "01_02__walking__YVGY8LOK", ("", "p-01|p-02")),
        (actor_people, "01_02", ("", "")),
    ],
)
def test_people_of_a_name(read, name, expected):
    assert read(name, "p") == expected
