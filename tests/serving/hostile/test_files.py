"""Hostile and odd files, each sent as an upload: answered where possible, else refused with a reason."""

from __future__ import annotations

import base64

import pytest

from ...waiting import wait_for
from .builders import encoded, with_external_data
from .conftest import REFUSALS
from .corpus import (
    ANSWERED,
    EITHER,
    REFUSED,
    bombs,
    containers,
    empty_pictures,
    long_video,
    odd_pictures,
    polyglots,
    strange_exif,
    truncations,
    wrong_names,
)

STATUSES = {ANSWERED: (200,), REFUSED: REFUSALS, EITHER: (200, *REFUSALS)}


def failures(target, cases) -> list[str]:
    """Send every case; return a message for each whose answer is wrong."""
    messages = []
    for case in cases:
        try:
            target.check(target.upload(case.data, case.filename), STATUSES[case.expected])
        except AssertionError as error:
            messages.append(f"{case} ({case.expected}): {error}")
    return messages


@pytest.fixture(scope="module")
def picture(portraits):
    """(128, 128, 3) uint8, with a face; small, as a hundred copies of it are sent."""
    return portraits[0][0][::2, ::2].copy()


@pytest.mark.parametrize(
    "family", [odd_pictures, empty_pictures, polyglots, wrong_names, strange_exif], ids=lambda family: family.__name__
)
def test_predict_hostile_pictures(target, picture, family):
    assert not failures(target, family(picture))


@pytest.mark.slow
def test_predict_bombs(target, picture, peak):
    cases = list(bombs(picture))
    with peak(500e6):
        assert not failures(target, cases)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_predict_truncated_pictures(target, picture, kind):
    data = encoded(picture, kind)
    assert target.upload(data).status_code == 200
    assert not failures(target, truncations(kind, data, kind.lower()))


@pytest.fixture(scope="module")
def films(portraits, write_video, tmp_path_factory) -> dict[str, bytes]:
    """The same video with its index at the end, and at the beginning."""
    import av

    folder = tmp_path_factory.mktemp("films")
    pictures = [portraits[i % 3][0][::2, ::2].copy() for i in range(12)]
    index_last = write_video(folder / "last.mp4", pictures)
    with (
        av.open(str(index_last)) as source,
        av.open(str(folder / "first.mp4"), "w", options={"movflags": "faststart"}) as copy,
    ):
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    return {"index at the end": index_last.read_bytes(), "index first": (folder / "first.mp4").read_bytes()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["index at the end", "index first"])
def test_predict_truncated_videos(target, films, kind):
    whole = target.upload(films[kind], frames="6")
    assert whole.status_code == 200 and whole.json()["frames"] == 6
    # With its index first, a video that was cut off has as many frames as there are.
    expected = REFUSED if kind == "index at the end" else EITHER
    assert not failures(target, truncations(kind, films[kind], "mp4", expected))


def test_predict_hostile_containers(target):
    assert not failures(target, containers())


def test_predict_video_with_external_data(target, films):
    response = target.upload(with_external_data(films["index first"]))
    target.check(response, STATUSES[EITHER])
    assert "root" not in response.text


def test_predict_video_of_thousands_of_hours(target, tmp_path):
    assert not failures(target, [long_video(tmp_path)])


def test_jobs_hostile_videos(target, films, tmp_path):
    """They are accepted, or refused at once; none runs for ever."""
    files = [films["index at the end"][:5000], films["index first"][:3000], long_video(tmp_path).data]
    files += [case.data for case in containers()]
    for data in files:
        response = target.upload(data, "clip.mp4", "/v1/jobs")
        assert response.status_code in (202, *REFUSALS), response.text
        if response.status_code != 202:
            target.check(response, REFUSALS)
            continue
        path = f"/v1/jobs/{response.json()['id']}"
        wait_for(lambda path=path: target.client.get(path).json()["state"] in ("failed", "done"))
        job = target.client.get(path).json()
        assert (job["error"] is None) == (job["state"] == "done")
        assert target.client.delete(path).status_code == 200
        assert target.client.get(path).status_code == 404


@pytest.mark.slow
def test_json_hostile_pictures(target, picture):
    """Both routes that take base64 must answer as for an upload."""
    for case in [*odd_pictures(picture), *empty_pictures(picture), *polyglots(picture), *strange_exif(picture)]:
        text = base64.b64encode(case.data).decode()
        target.check(target.client.post("/v1/predict", json={"image": text}), STATUSES[case.expected])
        tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]}
        response = target.client.post(f"/v2/models/{target.model}/infer", json={"inputs": [tensor]})
        target.check(response, (200,))
        (verdict,) = next(output["data"] for output in response.json()["outputs"] if output["name"] == "verdict")
        as_expected = case.expected == EITHER or (verdict == "error") == (case.expected == REFUSED)
        assert as_expected, f"{case}: {response.text[:300]}"
