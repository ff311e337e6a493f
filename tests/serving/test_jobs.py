"""Long videos, in a service that really runs."""

from __future__ import annotations

import tempfile
import threading

import pytest

from aletheia.inference.errors import RequestError
from aletheia.serving.jobs import Jobs


@pytest.fixture
def anonymous_file(clip):
    """Makes files with the video, which have no name; those that it made are in its attribute."""

    def make():
        file = tempfile.TemporaryFile()  # noqa: SIM115 -- the job closes it
        file.write(clip)
        make.files.append(file)
        return file

    make.files = []
    return make


def wait(client, job: str, until) -> dict:
    until(lambda: client.get(f"/v1/jobs/{job}").json()["state"] not in ("waiting", "running"))
    return client.get(f"/v1/jobs/{job}").json()


def test_a_job_gives_the_answer_that_a_request_gives(served, clip, until):
    sent = {"files": {"file": clip}, "data": {"frames": "4"}}
    taken = served.client.post("/v1/jobs", **sent)
    assert taken.status_code == 202
    assert taken.json()["state"] in ("waiting", "running")
    done = wait(served.client, taken.json()["id"], until)
    assert (done["state"], done["progress"], done["error"]) == ("done", 1.0, None)
    asked = served.client.post("/v1/predict", **sent).json()
    for key in ("people", "verdict", "probability", "frames", "width", "height", "model"):
        assert done["result"][key] == asked[key]


def test_what_cannot_be_answered_fails_with_a_sentence(served, clip, until):
    taken = served.client.post("/v1/jobs", files={"file": clip[:2000]}).json()
    failed = wait(served.client, taken["id"], until)
    assert (failed["state"], failed["result"], failed["error"]["kind"]) == ("failed", None, "bad_video")
    assert "video" in failed["error"]["message"]


def test_what_is_no_job(served, jpeg, clip):
    for sent, status in (
        ({"files": {"file": jpeg}}, 415),
        ({"json": {"image": ""}}, 415),
        ({"files": {"file": clip}, "data": {"frames": "1000"}}, 400),
    ):
        response = served.client.post("/v1/jobs", **sent)
        assert response.status_code == status
        assert response.json()["error"]["message"]
    for method in ("GET", "DELETE"):
        assert served.client.request(method, "/v1/jobs/unknown").status_code == 404


def test_ids_cannot_be_guessed(served, clip):
    ids = [served.client.post("/v1/jobs", files={"file": clip}, data={"frames": "1"}).json()["id"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(len(each) >= 32 for each in ids)


def test_a_job_can_be_cancelled_and_lets_go_of_its_file(serving, clip, until, anonymous_file):
    """While it runs: it is stopped at the frame it waits for, and the next job runs."""
    with serving(workers=1) as running:
        jobs, admission = running.app.state.jobs, running.app.state.service.admission
        with admission.turn():
            first = jobs.submit(anonymous_file(), 8)["id"]
            until(lambda: jobs.get(first)["state"] == "running")
            second = running.client.post("/v1/jobs", files={"file": clip}, data={"frames": "1"}).json()["id"]
            assert running.client.delete(f"/v1/jobs/{first}").json()["state"] == "cancelled"
        assert wait(running.client, second, until)["state"] == "done"
        told = jobs.get(first)
        assert (told["state"], told["result"], told["error"]) == ("cancelled", None, None)
        assert told["progress"] < 1
        assert anonymous_file.files[-1].closed
        # Who deletes one that has ended forgets it.
        assert running.client.delete(f"/v1/jobs/{second}").status_code == 200
        assert running.client.get(f"/v1/jobs/{second}").status_code == 404


def test_one_that_waits_lets_go_of_its_file_at_once(serving, until, anonymous_file):
    """Else whoever hands in and cancels, again and again, fills the disk while a long video is looked at."""
    with serving(workers=1) as running:
        jobs, admission = running.app.state.jobs, running.app.state.service.admission
        with admission.turn():
            first = jobs.submit(anonymous_file(), 8)["id"]
            until(lambda: jobs.get(first)["state"] == "running")
            alone = jobs.size()
            waiting = jobs.submit(anonymous_file(), 8)["id"]
            assert jobs.size() == 2 * alone > 0
            jobs.cancel(waiting)
            assert anonymous_file.files[-1].closed and not anonymous_file.files[-2].closed
            assert jobs.size() == alone
            jobs.cancel(first)
        until(lambda: anonymous_file.files[-2].closed)


def test_progress_grows_and_pictures_pass(serving, clip, jpeg, until):
    """A job takes a turn for each frame: a picture that comes meanwhile is answered between two of them."""
    with serving(workers=1) as running:
        admission = running.app.state.service.admission
        seen = []
        with admission.turn():
            job = running.client.post("/v1/jobs", files={"file": clip}, data={"frames": "8"}).json()["id"]
            until(lambda: admission.waiting == 1)
        answer = running.client.post("/v1/predict", files={"file": jpeg})
        seen.append(running.client.get(f"/v1/jobs/{job}").json())
        until(lambda: seen.append(running.client.get(f"/v1/jobs/{job}").json()) or seen[-1]["state"] == "done")
        assert answer.status_code == 200
        shares = [told["progress"] for told in seen]
        assert shares == sorted(shares) and shares[-1] == 1.0


def test_only_so_many_are_kept(serving, clip, until):
    with serving(workers=1, jobs=2) as running:
        client = running.client

        def submit():
            return client.post("/v1/jobs", files={"file": clip}, data={"frames": "1"})

        with running.app.state.service.admission.turn():
            first, second = submit().json()["id"], submit().json()["id"]
            full = submit()
            assert full.status_code == 429
            assert int(full.headers["retry-after"]) > 0
        wait(client, second, until)
        third = submit()
        assert third.status_code == 202
        assert client.get(f"/v1/jobs/{first}").status_code == 404
        assert client.get(f"/v1/jobs/{second}").json()["state"] == "done"


def test_the_end_of_the_service_ends_its_jobs(serving, until, anonymous_file):
    with serving(workers=1) as running:
        jobs = running.app.state.jobs
        with running.app.state.service.admission.turn():
            ids = [jobs.submit(anonymous_file(), 8)["id"] for _ in range(2)]
            until(lambda: jobs.get(ids[0])["state"] == "running")
            end = threading.Thread(target=jobs.close)
            end.start()
            until(lambda: jobs.get(ids[0])["state"] == "cancelled")
        end.join()
        assert [jobs.get(each)["state"] for each in ids] == ["cancelled", "cancelled"]
    assert all(file.closed for file in anonymous_file.files)


def test_a_job_that_is_not_taken_lets_go_of_its_file(served, anonymous_file):
    jobs = Jobs(served.app.state.service)
    with pytest.raises(RequestError, match="choose 1 to"):
        jobs.submit(anonymous_file(), 10**6)
    assert anonymous_file.files[-1].closed
    jobs.close()
