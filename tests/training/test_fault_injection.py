"""Faults do what they say, are recorded, and no model with one is released."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aletheia.core.errors import InputError
from aletheia.datasets.labels import fake_flags
from aletheia.models.spec import read_spec
from aletheia.release.gate import run_gate
from aletheia.training.config import TrainConfig
from aletheia.training.data import FaceData
from aletheia.training.export import export_bundle
from aletheia.training.fault_injection import FAULTS, faulty_labels, faulty_pixels, skips_gradient
from aletheia.training.fit import fit_network
from aletheia.training.module import initialise

LABELS = np.repeat([0.0, 1.0], [40, 160]).astype(np.float32)
FAST = {"image_size": 48, "options": {"width": 8}, "batch_norm_images": 64, "max_epochs": 1}


def test_faulty_labels_label_noise():
    noisy = faulty_labels(LABELS, "label_noise", 0.3, seed=0)
    assert (noisy != LABELS).sum() == 60
    assert (faulty_labels(LABELS, "label_noise", 0.3, seed=0) == noisy).all()
    assert (faulty_labels(LABELS, "label_noise", 0.3, seed=1) != noisy).any()
    assert LABELS.sum() == 160


def test_faulty_labels_shuffled():
    dealt = faulty_labels(LABELS, "shuffled_labels", 1.0, seed=0)
    assert dealt.sum() == 160
    assert (dealt != LABELS).sum() == pytest.approx(2 * 200 * 0.2 * 0.8, rel=0.3)


@pytest.mark.parametrize("fault", ["none", "input_noise", "wrong_loss", "skipped_gradients"])
def test_faulty_labels_other_faults(fault):
    assert faulty_labels(LABELS, fault, 1.0, seed=0) is LABELS


def test_faulty_pixels_noise_deviation():
    grey = torch.full((4, 64, 64, 3), 128, dtype=torch.uint8)
    noisy = faulty_pixels(grey, "input_noise", 0.1, torch.Generator().manual_seed(0))
    assert noisy.dtype == torch.uint8
    assert noisy.float().std().item() == pytest.approx(25.5, rel=0.03)
    assert noisy.float().mean().item() == pytest.approx(128, abs=0.5)
    assert faulty_pixels(grey, "label_noise", 0.1, torch.Generator()) is grey


def test_skips_gradient_rate():
    assert np.mean([skips_gradient("skipped_gradients", 0.3, s) for s in range(2000)]) == pytest.approx(0.3, abs=0.04)
    assert not any(skips_gradient("none", 1.0, s) for s in range(20))


def test_face_data_injects_fault_into_training_rows(discs):
    data = FaceData(TrainConfig(image_size=48, fault="label_noise", fault_share=0.5), *discs)
    data.setup()
    assert (data.sets["train"].labels.numpy() != fake_flags(discs[0])).sum() == len(discs[0]) // 2
    np.testing.assert_array_equal(data.sets["val"].labels.numpy(), fake_flags(discs[1]))


def test_detector_wrong_loss():
    detector = initialise(TrainConfig(fault="wrong_loss", class_weight="none"), (5, 5))
    logits, labels = torch.tensor([0.3, -2.0]), torch.tensor([1.0, 0.0])
    assert detector.loss(logits, labels).item() == pytest.approx((0.7 + 2.0) / 2)


def test_fit_network_skipped_gradients(discs):
    skipped = fit_network({**FAST, "fault": "skipped_gradients", "fault_share": 1.0}, *discs, progress=False)
    start = initialise(TrainConfig(**FAST), (1, 1)).net.state_dict()
    for name, value in skipped.model.named_parameters():
        torch.testing.assert_close(value, start[name])
    sound = fit_network(FAST, *discs, progress=False)
    assert any(not torch.equal(value, start[name]) for name, value in sound.model.named_parameters())


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "none"])
def test_export_bundle_records_fault(discs, good_report, tmp_path, fault):
    result = fit_network({**FAST, "fault": fault}, *discs, progress=False)
    export_bundle(result, *discs, folder=tmp_path)
    spec = read_spec(tmp_path)
    assert spec.fault == fault and spec.training["fault"] == fault
    checks = run_gate(good_report.model_copy(update={"fault": spec.fault}), production_weights="")
    assert [check.name for check in checks if not check.passed] == ["no injected fault"]
    assert all(check.passed for check in run_gate(good_report, production_weights=""))


def test_train_config_unknown_fault():
    with pytest.raises(InputError, match="fault"):
        TrainConfig(fault="gremlins")
