"""Golden answers: recorded when a model is registered, and read with care."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.inference.predictor import Predictor
from aletheia.models.model_files import GOLDEN
from aletheia.models.spec import read_spec, write_spec
from aletheia.release.golden_answers import draw_pictures, read_golden, record_golden

from ..model_factories import write_random_bundle


@pytest.fixture(scope="module")
def golden_bundle(tmp_path_factory) -> Path:
    folder = write_random_bundle(tmp_path_factory.mktemp("golden"), seed=4)
    write_spec(folder, record_golden(folder, read_spec(folder)))
    return folder


def test_golden_answers_are_those_of_the_model(golden_bundle):
    spec = read_spec(golden_bundle)
    golden, predictor = read_golden(golden_bundle, spec.golden), Predictor(golden_bundle)
    assert GOLDEN in spec.files() and len(golden.answers) == 8
    assert [answer.picture() for answer in golden.answers] == draw_pictures()
    for answer in golden.answers:
        prediction = predictor.predict(answer.picture())
        assert prediction.verdict == answer.verdict
        assert prediction.faces[0].raw_probability == pytest.approx(answer.raw_probability, abs=1e-6)
    assert sum(answer.raw_probability is not None for answer in golden.answers) >= 6  # else they test nothing


def test_no_golden_answers_without_a_network_for_serving(golden_bundle):
    spec = read_spec(golden_bundle).model_copy(update={"onnx": None, "golden": ""})
    assert record_golden(golden_bundle, spec) is spec


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not readable JSON"),
        (b'{"answers": []}', "answers"),
        (b'{"answers": [{"jpeg": "x", "verdict": "real", "raw_probability": 2}]}', "raw_probability"),
        (b"[" * 100_000, "not readable JSON"),
    ],
)
def test_read_golden_refuses(tmp_path, content, message):
    (tmp_path / GOLDEN).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_golden(tmp_path, hashlib.sha256(content).hexdigest())
    with pytest.raises(InputError, match="SHA-256"):
        read_golden(tmp_path, "0" * 64)
