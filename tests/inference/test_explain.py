"""Explanations of a face, against torch's autograd and by hand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch

from aletheia.core.errors import InputError
from aletheia.faces.crop import crop_face
from aletheia.faces.detectors.blazeface import BlazeFace
from aletheia.imaging.transforms import normalise
from aletheia.inference.explain import Explainer, overlay
from aletheia.models.bundle import load_bundle
from aletheia.models.spec import read_spec, write_spec
from aletheia.models.typical_spectra import TypicalSpectra, TypicalSpectrum

from ..waiting import PATIENCE


@pytest.fixture(scope="module")
def picture_and_face(portraits):
    """A picture and its face."""
    picture = portraits[0][0]
    (face,) = BlazeFace().detect(picture)
    return picture, face


@pytest.fixture
def copy(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "model")
    return tmp_path / "model"


def changed(folder, **update):
    spec = read_spec(folder).model_copy(update=update)
    write_spec(folder, spec)
    return spec


def test_explain_maps_equal_torch(bundle, picture_and_face):
    """Grad-CAM by autograd and enlarging by torch, on a crop cut by hand."""
    explanation = Explainer(bundle, read_spec(bundle)).explain(*picture_and_face)
    crop = cv2.resize(
        crop_face(*picture_and_face, 64, margin=0.25, policy="scale"), (48, 48), interpolation=cv2.INTER_AREA
    )
    np.testing.assert_array_equal(explanation.crop, crop)
    network, spec = load_bundle(bundle)
    maps = []
    network.coarse.register_forward_hook(lambda _, __, output: maps.append(output))
    x = normalise(torch.from_numpy(crop[None]), spec.mean, spec.std).requires_grad_()
    logits, attention = network(x, return_attention=True)
    (gradient,) = torch.autograd.grad(logits.sum(), maps[0])
    cam = torch.relu((gradient.mean(dim=(2, 3), keepdim=True) * maps[0]).sum(dim=1, keepdim=True))
    assert cam.max() > 0
    for actual, expected in ((explanation.cam, cam / cam.max()), (explanation.attention, attention)):
        expected = torch.nn.functional.interpolate(expected, (48, 48), mode="bilinear")[0, 0].detach()
        assert actual.shape == (48, 48) and actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, atol=2e-3)
        assert actual.min() >= 0 and actual.max() <= 1
        assert actual.std() > 1e-3


def test_explain_spectrum_of_input(bundle, picture_and_face):
    explanation = Explainer(bundle, read_spec(bundle)).explain(*picture_and_face)
    frequencies, level = explanation.spectrum
    np.testing.assert_allclose(frequencies, np.arange(1, 25) / 48)
    assert level.shape == (24,) and np.isfinite(level).all() and level[0] == pytest.approx(0, abs=1e-4)
    assert level[-1] < -10  # a smooth face has less of fine detail
    assert explanation.typical is None
    # A single ring by hand: frequencies that round to 10 / 48, of the crop through a Hann window.
    grey = explanation.crop @ [0.299, 0.587, 0.114]
    window = np.outer(*[np.sin(np.pi * np.arange(48) / 48) ** 2] * 2)
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    radius = np.rint(48 * np.hypot(*np.meshgrid(np.fft.fftfreq(48), np.fft.fftfreq(48))))
    assert level[9] == pytest.approx(10 * np.log10(power[radius == 10].mean() / power[radius == 1].mean()), abs=1e-3)


def test_explain_frequencies_of_typical_spectra(copy, picture_and_face):
    line = tuple(float(value) for value in -np.arange(16))
    typical = TypicalSpectra(size=32, real=TypicalSpectrum(faces=3, mean=line, low=line, high=line))
    explanation = Explainer(copy, changed(copy, spectra=typical)).explain(*picture_and_face)
    assert explanation.typical == typical and read_spec(copy).spectra == typical
    assert [len(part) for part in explanation.spectrum] == [16, 16]
    assert explanation.spectrum[0][-1] == 0.5


def test_explain_model_without_explanations(copy, picture_and_face):
    whole = Explainer(copy, read_spec(copy)).explain(*picture_and_face)
    (copy / "explain.onnx").unlink()
    onnx = read_spec(copy).onnx.model_copy(update={"explain": ""})
    explanation = Explainer(copy, changed(copy, onnx=onnx)).explain(*picture_and_face)
    assert explanation.cam is None
    np.testing.assert_allclose(explanation.attention, whole.attention, atol=1e-4)
    np.testing.assert_array_equal(explanation.spectrum[1], whole.spectrum[1])


def test_explain_replaced_file(copy, picture_and_face):
    (copy / "explain.onnx").write_bytes((copy / "model.onnx").read_bytes())
    explainer = Explainer(copy, read_spec(copy))  # opens no file yet
    for _ in range(2):
        with pytest.raises(InputError, match="damaged or was replaced"):
            explainer.explain(*picture_and_face)


def test_explain_shared_by_threads(bundle, portraits):
    detector, explainer = BlazeFace(), Explainer(bundle, read_spec(bundle))
    pictures = [(picture, detector.detect(picture)[0]) for picture, _ in portraits[:4]] * 4
    alone = [Explainer(bundle, read_spec(bundle)).explain(*pair).cam for pair in pictures[:4]] * 4
    with ThreadPoolExecutor(8) as pool:
        together = [explanation.cam for explanation in pool.map(lambda pair: explainer.explain(*pair), pictures)]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 0.01


def test_explain_imports_nothing_heavy(bundle):
    code = (
        "import sys, numpy as np\n"
        "from aletheia.faces.face import Face\n"
        "from aletheia.models.spec import read_spec\n"
        "from aletheia.inference.explain import Explainer, overlay\n"
        "face = Face(np.array([20., 20, 80, 80], np.float32), 0.9, np.full((6, 2), 50, np.float32))\n"
        "explanation = Explainer(sys.argv[1], read_spec(sys.argv[1])).explain(np.zeros((99, 99, 3), np.uint8), face)\n"
        "assert np.isnan(explanation.spectrum[1]).all()  # a single colour has none\n"
        "overlay(explanation.crop, explanation.cam, 300)\n"
        "print({'torch', 'mlrun', 'plotly', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules))\n"
    )
    command = [sys.executable, "-c", code, str(bundle)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == "set()"


def test_overlay_colours():
    rgb = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    before = rgb.copy()
    nothing = overlay(rgb, np.zeros((40, 40)))
    np.testing.assert_array_equal(rgb, before)
    grey = np.rint(rgb @ [0.299, 0.587, 0.114])
    assert np.abs(nothing - grey[..., None]).max() <= 1
    # The lightness alone shows the order, without any colour vision.
    heat = np.linspace(0, 1, 40)[None].repeat(40, axis=0)
    shades = overlay(np.full_like(rgb, 30), heat, strength=1.0).astype(float)
    luma = (shades @ [0.299, 0.587, 0.114]).mean(axis=0)
    assert np.all(np.diff(luma[2:]) > 0) and luma[-1] > 200
    assert np.ptp(shades[0, -1]) > 100  # a colour


def test_overlay_size():
    rgb = np.zeros((40, 40, 3), np.uint8)
    assert overlay(rgb, np.ones((5, 5), np.float32), 96).shape == (96, 96, 3)
    assert overlay(rgb, np.ones((5, 5), np.float32)).shape == (40, 40, 3)
    np.testing.assert_array_equal(overlay(rgb, np.full((5, 5), 9.0)), overlay(rgb, np.ones((5, 5))))
