"""Jobs for long videos, in a running service."""

from __future__ import annotations

import tempfile
import threading

import pytest

from aletheia.inference.errors import RequestError
from aletheia.serving.jobs import Jobs


@pytest.fixture
def anonymous_file(clip):
    """Provide a function that makes nameless files with the video; its attribute ``files`` lists them."""

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


def test_job_equals_predict(served, clip, until):
    sent = {"files": {"file": clip}, "data": {"frames": "4"}}
    submitted = served.client.post("/v1/jobs", **sent)
    assert submitted.status_code == 202
    assert submitted.json()["state"] in ("waiting", "running", "done")
    job = wait(served.client, submitted.json()["id"], until)
    assert (job["state"], job["progress"], job["error"]) == ("done", 1.0, None)
    answer = served.client.post("/v1/predict", **sent).json()
    for key in ("people", "verdict", "probability", "frames", "width", "height", "model"):
        assert job["result"][key] == answer[key]


def test_job_failed(served, clip, until):
    submitted = served.client.post("/v1/jobs", files={"file": clip[:2000]}).json()
    failed = wait(served.client, submitted["id"], until)
    assert (failed["state"], failed["result"], failed["error"]["kind"]) == ("failed", None, "bad_video")
    assert "video" in failed["error"]["message"]


def test_job_refused(served, jpeg, clip):
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


def test_job_ids_unguessable(served, clip):
    ids = [served.client.post("/v1/jobs", files={"file": clip}, data={"frames": "1"}).json()["id"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(len(each) >= 32 for each in ids)


def test_job_cancelled_running(serving, clip, until, anonymous_file):
    """A running job stops at the frame that it waits for, and the next job runs."""
    with serving(workers=1) as running:
        jobs, admission = running.app.state.jobs, running.app.state.service.admission
        with admission.turn():
            first = jobs.submit(anonymous_file(), 8)["id"]
            until(lambda: jobs.get(first)["state"] == "running")
            second = running.client.post("/v1/jobs", files={"file": clip}, data={"frames": "1"}).json()["id"]
            assert running.client.delete(f"/v1/jobs/{first}").json()["state"] == "cancelled"
        assert wait(running.client, second, until)["state"] == "done"
        state = jobs.get(first)
        assert (state["state"], state["result"], state["error"]) == ("cancelled", None, None)
        assert state["progress"] < 1
        assert anonymous_file.files[-1].closed
        # Deleting a job that has ended forgets it.
        assert running.client.delete(f"/v1/jobs/{second}").status_code == 200
        assert running.client.get(f"/v1/jobs/{second}").status_code == 404


def test_job_cancelled_waiting(serving, until, anonymous_file):
    """Otherwise submitting and cancelling repeatedly would fill the disk while a long video is answered."""
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


def test_job_progress_and_pictures_between(serving, clip, jpeg, until):
    """A job takes a turn for each frame, so a picture is answered between two of them."""
    with serving(workers=1) as running:
        admission = running.app.state.service.admission
        states = []
        with admission.turn():
            job = running.client.post("/v1/jobs", files={"file": clip}, data={"frames": "8"}).json()["id"]
            until(lambda: admission.waiting == 1)
        answer = running.client.post("/v1/predict", files={"file": jpeg})
        states.append(running.client.get(f"/v1/jobs/{job}").json())
        until(lambda: states.append(running.client.get(f"/v1/jobs/{job}").json()) or states[-1]["state"] == "done")
        assert answer.status_code == 200
        shares = [state["progress"] for state in states]
        assert shares == sorted(shares) and shares[-1] == 1.0


def test_jobs_capacity(serving, clip, until):
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


def test_jobs_close(serving, until, anonymous_file):
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


def test_jobs_refused_closes_file(served, anonymous_file):
    jobs = Jobs(served.app.state.service)
    with pytest.raises(RequestError, match="choose 1 to"):
        jobs.submit(anonymous_file(), 10**6)
    assert anonymous_file.files[-1].closed
    jobs.close()
