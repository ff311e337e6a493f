"""The service over a long time and after SIGKILL: `python -m benchmarks.serving --soak 10`, `--kill`."""

from __future__ import annotations

import collections
import dataclasses
import time
from pathlib import Path

from aletheia.serving.web.gallery import SAMPLES, Gallery
from benchmarks.serving_process import (
    Memory,
    Request,
    Server,
    as_json,
    finish_load,
    start_load,
    upload,
    write_requests,
)

#: Resident memory may grow by so much between the first and the last third of the time.
GROWTH = 0.05
_REFUSED = (400, 413, 415, 422)


def good_requests(pictures: list[str]) -> list[Request]:
    """Return requests to be answered: pictures and a video in forms, JSON and the V2 protocol; those of monitors."""
    contents = [Path(path).read_bytes() for path in pictures]
    requests = [upload("picture", content) for content in contents]
    requests.append(as_json("picture as JSON", {"image": contents[0]}))
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [contents[0]]}
    requests.append(as_json("V2", {"inputs": [tensor]}, path="/v2/models/detector/infer"))
    gallery = Gallery()
    (film,) = [gallery.path(sample) for sample in SAMPLES if sample.name.endswith(".mp4")]
    requests.append(upload("video", film.read_bytes(), film.name))
    job = upload("job", film.read_bytes(), film.name, (202, 429))  # so many are kept, and no more
    requests.append(dataclasses.replace(job, path="/v1/jobs"))
    requests += [
        Request(path, method="GET", path=path) for path in ("/readyz", "/metrics", "/v2/models", "/openapi.json")
    ]
    return requests


def bad_requests(picture: str) -> list[Request]:
    """Return requests to be refused: the files of tests/serving/hostile, and malformed requests."""
    from aletheia.imaging.reading import read_image
    from tests.serving.hostile.corpus import ANSWERED, REFUSED, every_case, truncations

    expected = {ANSWERED: (200,), REFUSED: _REFUSED}
    content = Path(picture).read_bytes()
    cases = [*every_case(read_image(picture)[:512, :512]), *list(truncations("picture", content, "jpg"))[::10]]
    requests = [
        upload(case.name, case.data, "file", expected.get(case.expected, (200, *_REFUSED)))
        for case in cases
        if len(case.data) < 2_000_000
    ]
    requests.append(Request("no form", b"nothing", (400, 415, 422)))
    requests.append(as_json("no picture in the JSON", {"image": "/etc/passwd"}, _REFUSED))
    requests.append(as_json("JSON of nothing", [], _REFUSED))
    requests.append(as_json("V2 of nothing", {"inputs": []}, _REFUSED, "/v2/models/detector/infer"))
    requests += [
        Request(path, b"", (404, 405), "GET", path) for path in ("/nowhere", "/v2/models/other", "/v1/jobs/none")
    ]
    return requests


def soak(bundle: Path, pictures: list[str], folder: Path, clients: int, seconds: float) -> int:
    """Send good and bad requests in turn; returns 1 when a status was unexpected or the memory grew."""
    good, bad = good_requests(pictures), bad_requests(pictures[0])
    mixed = good * max(len(bad) // len(good), 1) + bad
    load = write_requests(folder / "soak", mixed)
    server = Server("ours", bundle, folder / "ours.log")
    try:
        finish_load(start_load(server, load, clients, 10), load)  # the serving graph and the page are imported
        time.sleep(10)
        memory = Memory(server)
        answers = finish_load(start_load(server, load, clients, seconds), load)
        alone, together = memory.growth(warm=min(60.0, seconds / 5))
    finally:
        server.stop()
    statuses = collections.Counter(status for *_, status, _ in answers)
    print(f"{len(answers)} requests: " + ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items())))
    wrong = collections.Counter((name, status) for name, _, _, status, is_expected in answers if not is_expected)
    for (name, status), count in wrong.most_common(20):
        print(f"unexpected: {count} × {status} for {name}")
    peak = max(sample[2] for sample in memory.samples) / 1e6
    print(f"memory: {alone:+.1%} alone, {together:+.1%} with its decoders (limit {GROWTH:.0%}), {peak:.0f} MB at most")
    return int(bool(wrong) or max(alone, together) > GROWTH)


def kill(bundle: Path, pictures: list[str], folder: Path, clients: int) -> int:
    """Kill the server under load and start it again; returns 1 when more than the requests in flight were lost."""
    load = write_requests(folder / "kill", [upload(path, Path(path).read_bytes()) for path in pictures])
    server = Server("ours", bundle, folder / "ours.log")
    try:
        locust = start_load(server, load, clients, 45)
        time.sleep(15)
        server.kill()
        killed = time.time()
        took = server.start()
        answers = finish_load(locust, load)
    finally:
        server.stop()
    back = killed + took
    flying = [row for row in answers if not row[4] and row[1] < killed]
    refused = [row for row in answers if not row[4] and killed <= row[1] < back]
    later = [row for row in answers if not row[4] and row[1] >= back]
    early = sum(row[4] and row[1] + row[2] < killed for row in answers)
    after = sum(row[4] and row[1] >= back for row in answers)
    print(f"killed after {early} answers; {len(flying)} requests in flight were lost (at most {clients} can be).")
    print(f"Ready again after {took:.1f} s, in which {len(refused)} requests found no server.")
    print(f"{after} answers since, {len(later)} errors.")
    untaken = all(row[3] in (0, 503) for row in refused)
    return int(len(flying) > clients or bool(later) or not untaken or not after)
