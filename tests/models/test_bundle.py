"""The two files of a trained model, intact and hostile."""

from __future__ import annotations

import hashlib
import json
import os
import struct

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save

from aletheia.core.errors import InputError
from aletheia.models.bundle import load_bundle, save_bundle
from aletheia.models.registry import create_model
from aletheia.models.spec import ModelSpec, read_spec


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bundle")
    model = create_model("attention_cnn", width=8)
    model(torch.randn(4, 3, 32, 32))  # batch-norm statistics that are not the initial ones
    spec = ModelSpec(architecture="attention_cnn", options={"width": 8}, input_size=32, threshold=0.4)
    save_bundle(folder, model, spec)
    return folder, model


@pytest.fixture
def bundle(saved, tmp_path):
    """A copy that a test may damage."""
    for name in ("model.json", "model.safetensors"):
        (tmp_path / name).write_bytes((saved[0] / name).read_bytes())
    return tmp_path


def edit(folder, **changes):
    values = json.loads((folder / "model.json").read_text())
    values.update(changes)
    (folder / "model.json").write_text(json.dumps(values))


def replace_weights(folder, payload: bytes):
    """Replace the weights and mend the hash, as an attacker would."""
    (folder / "model.safetensors").write_bytes(payload)
    edit(folder, weights_sha256=hashlib.sha256(payload).hexdigest())


def test_load_bundle_round_trip(saved):
    folder, model = saved
    model.eval()
    images = torch.randn(2, 3, 32, 32)
    for path in (folder, folder / "model.json", folder / "model.safetensors", str(folder)):
        loaded, spec = load_bundle(path)
        assert not loaded.training
        assert not any(p.requires_grad for p in loaded.parameters())
        assert torch.equal(loaded(images), model(images))
    assert spec.threshold == 0.4
    assert spec.labels == {"0": "real", "1": "fake"}
    assert spec.parameters == sum(p.numel() for p in model.parameters())
    assert spec.weights_sha256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert spec.versions["torch"] == torch.__version__.split("+")[0]
    assert sorted(file.name for file in folder.iterdir()) == ["model.json", "model.safetensors"]


def test_save_bundle_reproducible_and_keeps_rng_state(saved, tmp_path):
    folder, model = saved
    state = torch.get_rng_state()
    spec = read_spec(folder)
    save_bundle(tmp_path, model, spec)
    load_bundle(tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    for name in ("model.json", "model.safetensors"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_save_bundle_mismatched_spec(tmp_path):
    spec = ModelSpec(architecture="attention_cnn", input_size=32)
    with pytest.raises(InputError, match=r"stem\.0\.weight|is \("):
        save_bundle(tmp_path, create_model("attention_cnn", width=8), spec)
    model = create_model("attention_cnn")
    model.head.bias.data.fill_(float("nan"))
    with pytest.raises(InputError, match=r"head\.bias.*not finite"):
        save_bundle(tmp_path, model, spec)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_load_bundle_missing_file(bundle, name):
    (bundle / name).unlink()
    with pytest.raises(InputError, match=name):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"surprise": 1}, "surprise"),
        ({"architecture": "os.system"}, "no architecture"),
        ({"options": {"width": 10**6}}, "width"),
        ({"options": {"weights": "/etc/passwd"}}, "weights"),
        ({"options": {"width": {"__class__": "x"}}}, "options"),
        ({"input_size": 10**6}, "input_size"),
        ({"threshold": 2}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"std": [0, 1, 1]}, "std"),
        ({"crop": {"size": 64, "policy": "../../etc", "margin": 0.2}}, "policy"),
        ({"labels": {"0": "real", "1": "../fake"}}, "labels"),
        ({"labels": {"0": "fake", "1": "fake"}}, "labels"),
        ({"weights_file": "../../secret.safetensors"}, "weights_file"),
        ({"weights_sha256": "0" * 64}, "SHA-256"),
        ({"weights_sha256": ""}, "SHA-256"),
        ({"schema_version": 2}, "schema_version"),
    ],
)
def test_load_bundle_manipulated_spec(bundle, changes, match):
    edit(bundle, **changes)
    with pytest.raises(InputError, match=match):
        load_bundle(bundle)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000, b'"x"', b"{}"])
def test_load_bundle_invalid_json(bundle, content):
    (bundle / "model.json").write_bytes(content)
    with pytest.raises(InputError, match=r"model\.json"):
        load_bundle(bundle)


def test_load_bundle_oversized_or_special_file(bundle, monkeypatch):
    with (bundle / "model.json").open("ab") as file:
        file.truncate(1_000_001)
    with pytest.raises(InputError, match=r"at most 1,000,000"):
        load_bundle(bundle)
    (bundle / "model.json").unlink()
    os.mkfifo(bundle / "model.json")
    with pytest.raises(InputError, match="regular"):
        load_bundle(bundle)


def test_load_bundle_oversized_weights(bundle, monkeypatch):
    monkeypatch.setattr("aletheia.models.bundle.MAX_WEIGHTS_BYTES", 1000)
    with pytest.raises(InputError, match=r"at most 1,000 are read"):
        load_bundle(bundle)


def test_load_bundle_mismatched_weights(bundle, saved):
    state = load_file(saved[0] / "model.safetensors")
    cases = {
        "head": {**state, "head.weight": torch.zeros(1, 3)},
        "F64|float64": {**state, "head.weight": state["head.weight"].double()},
        "lacks": {k: v for k, v in state.items() if k != "head.bias"},
        "unknown": {**state, "../../evil": torch.zeros(1)},
        "not finite": {**state, "head.bias": torch.tensor([float("inf")])},
    }
    for match, changed in cases.items():
        replace_weights(bundle, save(changed))
        with pytest.raises(InputError, match=match):
            load_bundle(bundle)


def test_load_bundle_lying_header(bundle):
    header = json.dumps({"head.bias": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    for payload in (
        struct.pack("<Q", len(header)) + header,
        struct.pack("<Q", 2**62) + header,
        struct.pack("<Q", 10) + b"\x00" * 10,
        b"",
    ):
        replace_weights(bundle, payload)
        with pytest.raises(InputError, match="safetensors"):
            load_bundle(bundle)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_load_bundle_truncated_weights(bundle, share):
    payload = (bundle / "model.safetensors").read_bytes()
    replace_weights(bundle, payload[: int(len(payload) * share)])
    with pytest.raises(InputError, match="safetensors"):
        load_bundle(bundle)


_FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_FUZZ
@given(position=st.integers(0, 2000), value=st.integers(0, 255))
def test_load_bundle_fuzzed_weights(bundle, saved, position, value):
    payload = bytearray((saved[0] / "model.safetensors").read_bytes())
    payload[position % len(payload)] = value
    replace_weights(bundle, bytes(payload))
    try:
        model, _ = load_bundle(bundle)
    except InputError:
        return
    # An accepted model has the right names and shapes and finite values.
    model(torch.zeros(1, 3, 32, 32))


@_FUZZ
@given(position=st.integers(0, 10_000), value=st.binary(min_size=0, max_size=4))
def test_read_spec_fuzzed_bytes(bundle, saved, position, value):
    text = (saved[0] / "model.json").read_bytes()
    cut = position % len(text)
    (bundle / "model.json").write_bytes(text[:cut] + value + text[cut + 1 :])
    try:
        spec = read_spec(bundle)
    except InputError:
        return
    assert 16 <= spec.input_size <= 1024
    assert 0 <= spec.threshold <= 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@_FUZZ
@given(field=st.sampled_from(sorted(ModelSpec.model_fields)), value=_JSON)
def test_load_bundle_fuzzed_fields(bundle, saved, field, value):
    (bundle / "model.json").write_bytes((saved[0] / "model.json").read_bytes())
    edit(bundle, **{field: value})
    try:
        load_bundle(bundle)
    except InputError as error:
        assert len(str(error)) < 3000
