"""Batch-norm statistics measured anew."""

from __future__ import annotations

import torch
from torch import nn

from aletheia.training.batch_norm import has_batch_norm, measure_batch_norm


def test_measure_batch_norm_statistics():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2))
    model[1].running_mean.fill_(100.0)  # statistics that lag behind
    batches = [torch.randn(8, 3, 10, 10) * 3 + 1 for _ in range(5)]
    model.train()
    model[3].eval()
    measure_batch_norm(model, batches)
    with torch.no_grad():
        features = [model[0](batch) for batch in batches]
    means = torch.stack([f.mean(dim=(0, 2, 3)) for f in features]).mean(0)
    variances = torch.stack([f.var(dim=(0, 2, 3)) for f in features]).mean(0)
    torch.testing.assert_close(model[1].running_mean, means)
    torch.testing.assert_close(model[1].running_var, variances)
    # The second layer saw what evaluation shows it: normalised by batch statistics, nothing dropped.
    with torch.no_grad():
        second = [model[3](nn.functional.batch_norm(f, None, None, training=True)) for f in features]
    torch.testing.assert_close(model[4].running_mean, torch.stack([f.mean(dim=(0, 2, 3)) for f in second]).mean(0))


def test_measure_batch_norm_keeps_modes_and_weights():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=0.3), nn.Dropout(0.5))
    weights = [p.clone() for p in model.parameters()]
    model.train()
    model[2].eval()
    measure_batch_norm(model, [torch.randn(4, 3, 8, 8)])
    assert model[1].momentum == 0.3
    assert [m.training for m in model.modules()] == [True, True, True, False]
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))


def test_has_batch_norm():
    assert has_batch_norm(nn.Sequential(nn.BatchNorm2d(3)))
    assert not has_batch_norm(nn.Sequential(nn.GroupNorm(1, 3)))
    assert not has_batch_norm(nn.BatchNorm2d(3, track_running_stats=False))
