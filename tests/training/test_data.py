"""The data module."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from aletheia.core.errors import InputError
from aletheia.datasets.labels import fake_flags
from aletheia.training.config import TrainConfig
from aletheia.training.data import BatchesAhead, EpochBatches, FaceData, PixelDataset
from aletheia.training.fit import fit_network

from ..waiting import wait_for


def make(discs, **changes) -> FaceData:
    data = FaceData(TrainConfig(image_size=48, **changes), *discs)
    data.setup()
    return data


def test_face_data_batch_sizes(discs):
    for size in (8, 50):
        loader = make(discs, batch_size=size).train_dataloader()
        batches = list(loader)
        assert len(batches) == len(loader) == 120 // size
        assert {len(labels) for _, labels, _ in batches} == {size}
        assert batches[0][0].shape == (size, 48, 48, 3)
        assert batches[0][0].dtype == torch.uint8
    val = list(make(discs, eval_batch_size=25).val_dataloader())
    assert [len(labels) for _, labels, _ in val] == [25, 25, 10]


def test_face_data_keeps_pixels_with_labels(discs):
    data = make(discs, batch_size=10)
    dataset = data.sets["train"]
    label_of = {dataset.pixels.array[i].tobytes(): float(dataset.labels[i]) for i in range(len(dataset))}
    truth = fake_flags(discs[0])
    np.testing.assert_array_equal(dataset.labels.numpy(), truth)
    for pixels, labels, _ in data.train_dataloader():
        for image, label in zip(pixels.numpy(), labels, strict=True):
            assert label_of[image.tobytes()] == label


def test_epoch_batches_order():
    def order(seed, epoch):
        batches = EpochBatches(50, 7, seed)
        batches.set_epoch(epoch)
        return [row for _, rows in batches for row in rows]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    assert len(set(order(1, 0))) == 49  # seven batches of seven, nothing twice
    assert [row for _, rows in EpochBatches(50, 7) for row in rows] == list(range(50))


def test_face_data_shares_pixel_cache(discs):
    first, second = make(discs, batch_size=8), make(discs, batch_size=16, learning_rate=0.1)
    assert first.sets["train"].pixels is second.sets["train"].pixels


def test_face_data_albumentations_repeatable(discs):
    def batch(epoch):
        loader = make(discs, augmentation="albumentations", batch_size=8).train_dataloader()
        loader.sampler.set_epoch(epoch)
        return next(iter(loader))[0]

    assert batch(0).shape == (8, 48, 48, 3)
    assert torch.equal(batch(0), batch(0))
    assert not torch.equal(batch(0), batch(1))


def test_face_data_batch_too_large(discs):
    with pytest.raises(InputError, match=r"batch_size: 121 .*120 readable rows.*at most 120"):
        make(discs, batch_size=121)
    make(discs, batch_size=120)


def test_face_data_unreadable_rows(discs, tmp_path):
    train, val = discs[0].copy(), discs[1].copy()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG not really")
    train.loc[3, "path"] = str(broken)
    val.loc[0, "path"] = str(tmp_path / "missing.png")
    data = make((train, val), batch_size=8)
    assert len(data.sets["train"]) == 119 and len(data.sets["val"]) == 59
    assert data.skipped["path"].tolist() == [str(broken), str(tmp_path / "missing.png")]
    assert data.skipped["split"].tolist() == ["train", "val"]
    assert data.skipped["reason"].str.len().gt(0).all()
    np.testing.assert_array_equal(data.sets["train"].labels.numpy(), np.delete(fake_flags(train), 3))


def test_face_data_single_class_or_empty(discs):
    train, val = discs
    with pytest.raises(InputError, match=r"train set has only rows labelled 'fake'"):
        make((train[train.label == "fake"], val), batch_size=8)
    with pytest.raises(InputError, match=r"val set has only rows labelled 'real'"):
        make((train, val[val.label == "real"]), batch_size=8)
    with pytest.raises(InputError, match="val set has no readable rows"):
        make((train, val.iloc[:0]), batch_size=8)
    with pytest.raises(InputError, match=r"no readable rows \(1 more could not be read\)"):
        make((train, val.iloc[:1].assign(path="nowhere.png")), batch_size=8)


def test_fingerprint_depends_on_data(discs):
    train, val = discs
    base = make(discs, batch_size=8).fingerprint()
    assert make((train.copy(), val.copy()), batch_size=4).fingerprint() == base
    assert make((train.iloc[::-1], val), batch_size=8).fingerprint() != base
    flipped = train.copy()
    flipped.loc[0, "label"] = "real" if train.label[0] == "fake" else "fake"
    assert make((flipped, val), batch_size=8).fingerprint() != base


@pytest.mark.parametrize("size", [8, 7])
def test_epoch_batches_balanced(size):
    classes = np.repeat([0.0, 1.0], [10, 90])
    batches = EpochBatches(100, size, seed=3, classes=classes)
    rows = [rows for _, rows in batches]
    assert len(rows) == len(batches) == 100 // size
    fakes = [int(classes[batch].sum()) for batch in rows]
    assert set(fakes) == ({4} if size == 8 else {3, 4})
    drawn = np.bincount(np.concatenate(rows), minlength=100)
    assert drawn[:10].min() >= 4 and drawn[:10].max() <= 5  # the small class in turns
    assert drawn[10:].max() == 1  # the large one never twice
    assert [r for _, r in batches] == rows
    batches.set_epoch(1)
    assert [r for _, r in batches] != rows


def test_face_data_balanced_sampling(discs):
    data = make(discs, batch_size=10, sampling="balanced", class_weight="none")
    assert all(labels.sum() == 5 for _, labels, _ in data.train_dataloader())
    with pytest.raises(InputError, match="class_weight='none'"):
        TrainConfig(sampling="balanced")


def test_batches_ahead_order(discs):
    dataset = make(discs, augmentation="albumentations").sets["train"]
    sampler = EpochBatches(len(dataset), 16, seed=5)
    one_by_one = [dataset[batch] for batch in sampler]
    for workers in (1, 3):
        ahead = BatchesAhead(dataset, sampler, workers)
        assert len(ahead) == len(one_by_one)
        for (pixels, labels, _), (expected, expected_labels, _) in zip(ahead, one_by_one, strict=True):
            assert torch.equal(pixels, expected) and torch.equal(labels, expected_labels)


def test_batches_ahead_prefetch(discs):
    prepared = []

    class RecordingDataset:
        def __getitem__(self, batch):
            prepared.append(batch)
            return batch

    sampler = EpochBatches(160, 16, seed=5)
    batches = iter(BatchesAhead(RecordingDataset(), sampler, 2))
    next(batches)
    wait_for(lambda: len(prepared) == 5)  # while the first is in use, four more are prepared
    assert len(list(batches)) == 9

    class BrokenDataset:
        def __getitem__(self, batch):
            raise IndexError

    with pytest.raises(IndexError):
        list(BatchesAhead(BrokenDataset(), sampler, 2))


def test_fit_network_measures_waiting(discs, monkeypatch):
    getitem = PixelDataset.__getitem__
    monkeypatch.setattr(PixelDataset, "__getitem__", lambda self, batch: time.sleep(0.03) or getitem(self, batch))
    config = TrainConfig(image_size=48, options={"width": 8}, batch_size=20, max_epochs=1, batch_norm_images=0)
    row = fit_network(config, *discs, progress=False).history.iloc[0]
    assert 6 * 0.03 <= row["waited"] <= row["seconds"]
