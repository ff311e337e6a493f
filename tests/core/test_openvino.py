"""Networks on OpenVINO: what is kept in the cache, and when it is not trusted."""

from __future__ import annotations

import hashlib
import os
import time

import numpy as np
import pytest

from aletheia.core import openvino
from aletheia.core.errors import InputError
from aletheia.core.openvino import Network, cache_folder, prune, supported_precisions
from aletheia.core.settings import get_settings
from aletheia.faces.detectors.blazeface_networks import SHORT, network_file


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ALETHEIA_CACHE", str(tmp_path / "cache"))
    get_settings.cache_clear()
    yield tmp_path / "cache" / "networks"
    monkeypatch.undo()
    get_settings.cache_clear()


def start(**options) -> Network:
    file = network_file(SHORT.file)
    return Network(file, hashlib.sha256(file.read_bytes()).hexdigest(), **options)


PICTURE = np.random.default_rng(0).uniform(-1, 1, (1, 128, 128, 3)).astype(np.float32)


def count_readings(monkeypatch) -> list:
    readings, read = [], openvino._read
    monkeypatch.setattr(openvino, "_read", lambda *arguments: readings.append(arguments) or read(*arguments))
    return readings


def test_network_cached_between_starts(cache, monkeypatch):
    readings = count_readings(monkeypatch)
    first = start()(PICTURE)
    assert len(readings) == 1
    assert len(list(cache.iterdir())) == 1
    second = start()(PICTURE)
    assert len(readings) == 1
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    start(threads=1)  # prepared for another number of streams
    assert len(readings) == 2 and len(list(cache.iterdir())) == 2


def test_network_leaves_the_choice_of_cores_to_the_system(cache):
    for _ in ("compiled", "from the cache"):
        assert start(threads=1)._compiled.get_property("ENABLE_CPU_PINNING") is False


def test_network_damaged_cache(cache, monkeypatch):
    expected = start()(PICTURE)
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    readings = count_readings(monkeypatch)
    for damage in (b"", b"no network", whole[: len(whole) // 2]):
        kept.write_bytes(damage)
        np.testing.assert_allclose(start()(PICTURE)[0], expected[0], atol=1e-4)
    assert len(readings) == 3
    assert kept.stat().st_size > 0.9 * len(whole)


def test_cache_folder_writable_by_others(cache, monkeypatch):
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    assert cache_folder() is None
    start()(PICTURE)
    assert list(cache.iterdir()) == []
    cache.chmod(0o700)
    assert cache_folder() == cache


def test_network_unwritable_cache(cache):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder would be")
    assert start()(PICTURE)[0].shape[0] == 1


def test_network_read_only_cache(cache, monkeypatch):
    start()
    readings = count_readings(monkeypatch)

    def refuse(*arguments):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(openvino.os, "utime", refuse)
    start()
    assert readings == []


def test_prune_least_recently_used(tmp_path):
    for age, name in enumerate(("newest", "middle", "oldest")):
        (tmp_path / name).write_bytes(bytes(100))
        os.utime(tmp_path / name, (time.time() - age, time.time() - age))
    prune(tmp_path, 250)
    assert {file.name for file in tmp_path.iterdir()} == {"newest", "middle"}


def test_network_unsupported_precision(monkeypatch):
    monkeypatch.setattr(openvino, "supported_precisions", lambda: ("f32",))
    with pytest.raises(InputError, match="does not compute in 'bf16'; choose f32"):
        start(precision="bf16")
    assert supported_precisions()[0] == "f32"
