"""Two models in a running service: who answers whom, by which route, and what becomes of the split."""

from __future__ import annotations

import base64
import logging
import re
import shutil
import threading

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from scipy import stats

from aletheia.core.errors import InputError
from aletheia.inference.errors import RequestError
from aletheia.inference.predictor import Predictor
from aletheia.inference.timing import Stages
from aletheia.lifecycle.experiments.assignment import CHALLENGER, CHAMPION, KEY_HEADER, TrafficSplit
from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.models.spec import read_spec
from aletheia.serving.config import ServeConfig
from aletheia.serving.explanations import Explanations
from aletheia.serving.traffic import Traffic, open_traffic, video_sample

from .helpers import form

INFER = "/v2/models/detector/infer"


@pytest.fixture(scope="module")
def pictures(jpeg) -> list[bytes]:
    """The picture in 40 files whose bytes differ, but not what is seen."""
    return [jpeg + bytes([number]) for number in range(40)]


@pytest.fixture(scope="module")
def log_file(tmp_path_factory):
    return tmp_path_factory.mktemp("traffic") / "log.sqlite"


@pytest.fixture(scope="module")
def split(serving, two_bundles, log_file):
    """A service of two models, half and half."""
    first, second = map(str, two_bundles)
    with serving(models=(first,), challenger=second, split=0.5, workers=2, prediction_log=str(log_file)) as running:
        yield running


@pytest.fixture(scope="module")
def versions(two_bundles) -> dict[str, str]:
    hashes = [read_spec(folder).weights_sha256[:12] for folder in two_bundles]
    return dict(zip((CHAMPION, CHALLENGER), hashes, strict=True))


@pytest.fixture(scope="module")
def expected(two_bundles) -> TrafficSplit:
    return TrafficSplit(0.5, read_spec(two_bundles[1]).weights_sha256)


def ask(running, data: bytes, key: str | bytes | None = None, **fields) -> dict:
    headers = {} if key is None else {KEY_HEADER: key}
    response = running.client.post("/v1/predict", headers=headers, **form(data, **fields))
    assert response.status_code == 200, response.text
    return response.json()


def infer(running, *files: bytes, key: str | None = None, path: str = INFER) -> dict:
    tensors = [
        {"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(data).decode()]}
        for data in files
    ]
    response = running.client.post(path, json={"inputs": tensors}, headers={} if key is None else {KEY_HEADER: key})
    assert response.status_code == 200, response.text
    return response.json()


def test_answers_by_the_split(split, pictures, versions, expected, two_bundles):
    """Each picture is answered by the model that the hash gives, with that model's score, every time."""
    scores = {
        v: Predictor(f).predict(pictures[0]).probability for v, f in zip(versions.values(), two_bundles, strict=True)
    }
    answers = [ask(split, data) for data in pictures]
    for data, answer in zip(pictures, answers, strict=True):
        role = expected.role([data])
        assert (answer["model"]["role"], answer["model"]["version"]) == (role, versions[role])
        assert answer["probability"] == pytest.approx(scores[versions[role]], abs=1e-6)
    share = sum(answer["model"]["role"] == CHALLENGER for answer in answers)
    low, high = stats.binom.ppf([1e-6, 1 - 1e-6], len(answers), 0.5)
    assert low <= share <= high
    assert [ask(split, data)["model"]["role"] for data in pictures[:5]] == [a["model"]["role"] for a in answers[:5]]


def test_key_wins_over_picture(split, pictures, expected):
    for key in ("ann", "bob", "cleo", "dora", "emil"):
        role = expected.role([key.encode()])
        assert {ask(split, data, key)["model"]["role"] for data in pictures[:4]} == {role}
        assert infer(split, pictures[5], key=key)["parameters"]["role"] == role


def test_graph_and_http_agree(split, pictures, versions):
    for data in pictures[:12]:
        answer, same = infer(split, data), ask(split, data)
        assert answer["parameters"]["role"] == same["model"]["role"]
        assert answer["model_version"] == same["model"]["version"] == versions[same["model"]["role"]]
        (probability,) = next(out["data"] for out in answer["outputs"] if out["name"] == "fake_probability")
        assert probability == same["probability"]
    roles = {infer(split, data)["parameters"]["role"] for data in pictures[:12]}
    assert roles == {CHAMPION, CHALLENGER}


def test_graph_alone_agrees(two_bundles, pictures, expected):
    """The graph as Nuclio would run it, with models that it loads itself."""
    import mlrun
    from mlrun.serving.server import MockEvent

    from aletheia.serving.model_runner import add_models

    function = mlrun.new_function("serve", kind="serving", image="mlrun/mlrun")
    add_models(function, dict(zip((CHAMPION, CHALLENGER), map(str, two_bundles), strict=True)), expected)
    server = function.to_mock_server()
    try:
        for data, key in [*((data, "") for data in pictures[:8]), (pictures[0], "ann"), (pictures[0], "bob")]:
            body = {"inputs": [base64.b64encode(data).decode()], "id": "7"}
            event = MockEvent(body, path=INFER, headers={KEY_HEADER.lower(): key} if key else {})
            answer = server.run(event, get_body=True)
            assert answer["role"] == expected.role([key.encode() or data])
            assert (answer["id"], answer["model_name"]) == ("7", "detector")
        for bad in ({"inputs": 5}, {"inputs": ["no base64!"]}):
            assert "error" in server.run(MockEvent(bad, path=INFER), get_body=True)
    finally:
        server.wait_for_completion()


def test_a_service_that_is_closed_leaves_no_thread_of_its_graph(serving, two_bundles, jpeg, until):
    """They would keep a process that has done its work from ending."""
    first, second = map(str, two_bundles)
    before = set(threading.enumerate())
    with serving(models=(first,), challenger=second, split=0.5, workers=2) as running:
        infer(running, jpeg)
        assert _loops(before)
    until(lambda: not _loops(before))


def _loops(before: set[threading.Thread]) -> list[str]:
    """Threads of the graph's event loops."""
    return [each.name for each in threading.enumerate() if each not in before and "_loop_thread_main" in each.name]


@pytest.mark.parametrize(
    "key", [b"x" * 8000, "käthe".encode("latin-1"), "käthe 😀".encode(), b"\xff\xfe", b"a\tb", b"'; DROP TABLE"]
)
def test_hostile_keys(split, jpeg, expected, key):
    """Any bytes that a header may have give a model."""
    for _ in range(2):
        assert ask(split, jpeg, key)["model"]["role"] == expected.role([key])


def test_pictures_of_one_request_together(split, pictures, expected):
    answer = infer(split, *pictures[:3])
    assert answer["parameters"]["role"] == expected.role(pictures[:3])
    assert len(next(out["data"] for out in answer["outputs"] if out["name"] == "verdict")) == 3


def test_video(split, clip, expected):
    answer = ask(split, clip, frames="2")
    assert answer["model"]["role"] == expected.role(video_sample(clip))
    assert ask(split, clip, "ann", frames="2")["model"]["role"] == expected.role([b"ann"])


def test_video_sample(tmp_path):
    content = np.random.default_rng(0).bytes(300_000)
    file = tmp_path / "film"
    file.write_bytes(content)
    with file.open("rb") as opened:
        assert b"".join(video_sample(opened)) == b"".join(video_sample(file)) == b"".join(video_sample(content))
        assert opened.tell() == 0
    assert b"".join(video_sample(content)) == content[:65_536] + content[-65_536:] + b"300000"
    assert list(video_sample(tmp_path / "none")) == [] and b"".join(video_sample(b"ab")) == b"abab2"


def test_version_that_is_asked_for(split, pictures, versions):
    for role, version in versions.items():
        path = f"/v2/models/detector/versions/{version}/infer"
        assert {infer(split, data, path=path)["parameters"]["role"] for data in pictures[:3]} == {role}
    assert split.client.get("/v2/models/detector").json()["versions"] == list(versions.values())
    response = split.client.post("/v2/models/detector/versions/none/infer", json={"inputs": [""]})
    assert response.status_code == 404 and versions[CHALLENGER] in response.json()["error"]


@pytest.mark.parametrize("body", [{}, {"inputs": 5}, {"inputs": []}, {"inputs": ["no base64!"]}, {"inputs": ["aGk="]}])
def test_bad_requests(split, body):
    response = split.client.post(INFER, json=body)
    assert response.status_code in (200, 400)  # the last is a picture that cannot be read, which is an answer
    if response.status_code == 400:
        assert "Traceback" not in response.text and response.json()["kind"] == "bad_request"


def test_metrics_and_log(split, pictures, versions, log_file, until):
    """The counter by version and role is that of the rows of the log, whatever other tests asked before."""
    answers = [ask(split, data) for data in pictures[:10]]
    until(lambda: log_file.is_file() and answers[-1]["id"] in set(read_log(log_file)["id"]))
    rows = read_log(log_file)
    rows = rows[rows["error"] == ""]
    other = {CHAMPION: CHALLENGER, CHALLENGER: CHAMPION}
    for role, version in versions.items():
        of_role = rows[rows["role"] == role]
        assert set(of_role["version"]) == {version} and set(of_role["other_version"]) == {versions[other[role]]}
        counted = re.search(
            rf'^aletheia_answers_total{{release="",role="{role}",version="{version}"}} (\d+)',
            split.client.get("/metrics").text,
            re.M,
        )
        assert int(counted[1]) == len(of_role)
    assert set(rows["other_verdict"]) == {""}  # one scored
    mine = rows.set_index("id")["role"]
    assert [mine[answer["id"]] for answer in answers] == [answer["model"]["role"] for answer in answers]
    assert not any(b"ann" in path.read_bytes() for path in log_file.parent.iterdir())  # nor any other key


@pytest.fixture
def three(registry, two_bundles, tmp_path):
    """Two registered models, the first in production, and a third one to be the challenger."""
    from ..lifecycle_factories import PASSED
    from ..model_factories import write_random_bundle

    folders = [*two_bundles, write_random_bundle(tmp_path / "third", 7, checks=PASSED)]
    tags = ("production", "candidate", "candidate")
    copies = [shutil.copytree(folder, tmp_path / f"m{i}") for i, folder in enumerate(folders)]
    return [registry.register_bundle(copy, read_spec(copy), tag) for copy, tag in zip(copies, tags, strict=True)]


@pytest.mark.slow
def test_split_while_production_changes(registry, three, serving, pictures, until, caplog):
    """Promotion and rollback of the champion leave the split; promotion of the challenger ends it, for good."""
    first, second, challenger = three
    uri = f"store://models/{registry.name}/detector"
    with serving(models=(f"{uri}:production",), challenger=f"{uri}:{challenger}", split=0.5) as running:
        releases = lambda: [ask(running, data)["model"]["release"] for data in pictures[:12]]  # noqa: E731
        before = releases()
        assert set(before) == {first, challenger}
        for action, champion in (("promote", second), ("rollback", first)):
            registry.change(action, champion if action == "promote" else "")
            until(lambda name=champion: running.app.state.service.loaded.release == name)
            assert releases() == [name if name == challenger else champion for name in before]
        opened = running.app.state.service.traffic.experiment.challenger
        registry.change("promote", challenger)
        until(lambda: running.app.state.service.loaded.release == challenger)
        until(lambda: "the experiment is over" in caplog.text)
        assert running.app.state.service.loaded.predictor is opened.predictor  # nothing was opened anew
        assert {ask(running, data)["model"]["role"] for data in pictures[:12]} == {CHAMPION}
        assert infer(running, pictures[0])["parameters"]["role"] == CHAMPION
        registry.change("rollback")
        until(lambda: running.app.state.service.loaded.release == first)
        assert set(releases()) == {first}
        text = running.client.get("/metrics").text
    counts = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    answered = {(s.labels["release"], s.labels["role"]) for s in counts if s.name == "aletheia_answers_total"}
    assert answered >= {(first, CHAMPION), (second, CHAMPION), (challenger, CHALLENGER), (challenger, CHAMPION)}


@pytest.mark.slow
def test_challenger_in_production_at_the_start(registry, three, caplog):
    """As after a restart of a service whose challenger was promoted: it answers, and says so."""
    uri = f"store://models/{registry.name}/detector"
    with caplog.at_level(logging.WARNING):
        traffic = open_traffic(ServeConfig(models=(f"{uri}:production",), challenger=f"{uri}:{three[0]}"))
    assert traffic.experiment is None and "is in production" in caplog.text
    follower_of_none = traffic.assign([b"x"])
    assert (follower_of_none.role, follower_of_none.other) == (CHAMPION, None)


def test_challenger_that_answers_already(two_bundles):
    with pytest.raises(InputError, match="answers already; name another challenger"):
        open_traffic(ServeConfig(models=(str(two_bundles[0]),), challenger=str(two_bundles[0])))


def test_challenger_with_an_ensemble(two_bundles, bundle):
    models = tuple(map(str, two_bundles))
    traffic = open_traffic(ServeConfig(models=models, weights=(1, 2), challenger=str(bundle), split=0.9))
    assert {traffic.assign([bytes([k])]).role for k in range(50)} == {CHAMPION, CHALLENGER}
    assert len(traffic.champion.predictor.members) == 2
    assert "answers 90.0% of the requests" in traffic.experiment.sentence


def test_damaged_challenger_does_not_start(two_bundles, tmp_path):
    damaged = shutil.copytree(two_bundles[1], tmp_path / "damaged")
    (damaged / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(InputError):
        open_traffic(ServeConfig(models=(str(two_bundles[0]),), challenger=str(damaged)))


def test_explanations_of_either(split, portraits):
    """The network of the model that answered explains, whichever was asked before."""
    explanations, models = Explanations(), split.app.state.service.traffic.answering
    first, second, again = (explanations.explain(model, portraits[0][0], 1, Stages()) for model in (*models, models[0]))
    assert len(first) == len(second) == 1 and None not in (*first, *second, *again)


def test_assignments_hold_their_model(split):
    """Who was given the challenger keeps it, whatever takes over meanwhile."""
    service = split.app.state.service
    experiment, champion = service.traffic.experiment, service.loaded
    traffic = Traffic(champion, experiment)
    key = next(bytes([k]) for k in range(256) if experiment.split.role([bytes([k])]) == CHALLENGER)
    held = traffic.assign([key])
    assert traffic.switch(experiment.challenger)
    assert held.model is experiment.challenger and traffic.assign([key]).role == CHAMPION
    assert traffic.kept(champion.artifact) is not None and traffic.model_of(champion.version) is champion
    with pytest.raises(RequestError, match="no version 'gone' here"):
        traffic.assign(version="gone")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"challenger": "a", "shadow": "b", "prediction_log": "x"}, "one experiment at a time"),
        ({"shadow": "b"}, "prediction log"),
        ({"challenger": "a", "split": 0}, "split"),
        ({"challenger": "a", "split": 0.95}, "split"),
    ],
)
def test_config_refuses(values, message):
    with pytest.raises(InputError, match=message):
        ServeConfig(**values)
