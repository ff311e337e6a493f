"""A closer look at a face, against torch's autograd and by hand."""

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


@pytest.fixture(scope="module")
def seen(portraits):
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


def test_the_maps_are_those_of_the_network_on_the_crop(bundle, seen):
    """Grad-CAM by autograd and enlarging by torch, on a crop cut by hand."""
    found = Explainer(bundle, read_spec(bundle)).explain(*seen)
    crop = cv2.resize(crop_face(*seen, 64, margin=0.25, policy="scale"), (48, 48), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(found.crop, crop)
    network, spec = load_bundle(bundle)
    kept = []
    network.coarse.register_forward_hook(lambda _, __, given: kept.append(given))
    x = normalise(torch.from_numpy(crop[None]), spec.mean, spec.std).requires_grad_()
    logits, attention = network(x, return_attention=True)
    (gradient,) = torch.autograd.grad(logits.sum(), kept[0])
    cam = torch.relu((gradient.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(dim=1, keepdim=True))
    assert cam.max() > 0
    for given, wanted in ((found.cam, cam / cam.max()), (found.attention, attention)):
        wanted = torch.nn.functional.interpolate(wanted, (48, 48), mode="bilinear")[0, 0].detach()
        assert given.shape == (48, 48) and given.dtype == np.float32
        np.testing.assert_allclose(given, wanted, atol=2e-3)
        assert given.min() >= 0 and given.max() <= 1
        assert given.std() > 1e-3


def test_the_spectrum_is_that_of_what_the_network_saw(bundle, seen):
    found = Explainer(bundle, read_spec(bundle)).explain(*seen)
    places, level = found.spectrum
    np.testing.assert_allclose(places, np.arange(1, 25) / 48)
    assert level.shape == (24,) and np.isfinite(level).all() and level[0] == pytest.approx(0, abs=1e-4)
    assert level[-1] < -10  # a smooth face has less of fine detail
    assert found.typical is None
    # One ring by hand: frequencies that round to 10 / 48, of the crop through a Hann window.
    grey = found.crop @ [0.299, 0.587, 0.114]
    window = np.outer(*[np.sin(np.pi * np.arange(48) / 48) ** 2] * 2)
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    radius = np.rint(48 * np.hypot(*np.meshgrid(np.fft.fftfreq(48), np.fft.fftfreq(48))))
    assert level[9] == pytest.approx(10 * np.log10(power[radius == 10].mean() / power[radius == 1].mean()), abs=1e-3)


def test_it_is_shown_at_the_frequencies_of_the_typical_ones(copy, seen):
    line = tuple(float(value) for value in -np.arange(16))
    typical = TypicalSpectra(size=32, real=TypicalSpectrum(faces=3, mean=line, low=line, high=line))
    found = Explainer(copy, changed(copy, spectra=typical)).explain(*seen)
    assert found.typical == typical and read_spec(copy).spectra == typical
    assert [len(part) for part in found.spectrum] == [16, 16]
    assert found.spectrum[0][-1] == 0.5


def test_a_model_of_before_is_explained_by_what_it_has(copy, seen):
    whole = Explainer(copy, read_spec(copy)).explain(*seen)
    (copy / "explain.onnx").unlink()
    onnx = read_spec(copy).onnx.model_copy(update={"explain": ""})
    found = Explainer(copy, changed(copy, onnx=onnx)).explain(*seen)
    assert found.cam is None
    np.testing.assert_allclose(found.attention, whole.attention, atol=1e-4)
    np.testing.assert_array_equal(found.spectrum[1], whole.spectrum[1])


def test_another_file_than_the_one_described_is_not_opened(copy, seen):
    (copy / "explain.onnx").write_bytes((copy / "model.onnx").read_bytes())
    explainer = Explainer(copy, read_spec(copy))  # nothing is opened yet
    for _ in range(2):
        with pytest.raises(InputError, match="damaged or was replaced"):
            explainer.explain(*seen)


def test_threads_may_share_it(bundle, portraits):
    detector, explainer = BlazeFace(), Explainer(bundle, read_spec(bundle))
    pictures = [(picture, detector.detect(picture)[0]) for picture, _ in portraits[:4]] * 4
    alone = [Explainer(bundle, read_spec(bundle)).explain(*one).cam for one in pictures[:4]] * 4
    with ThreadPoolExecutor(8) as pool:
        together = [found.cam for found in pool.map(lambda one: explainer.explain(*one), pictures)]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 0.01


def test_neither_torch_nor_plotting_is_imported(bundle):
    code = (
        "import sys, numpy as np\n"
        "from aletheia.faces.face import Face\n"
        "from aletheia.models.spec import read_spec\n"
        "from aletheia.inference.explain import Explainer, overlay\n"
        "face = Face(np.array([20., 20, 80, 80], np.float32), 0.9, np.full((6, 2), 50, np.float32))\n"
        "found = Explainer(sys.argv[1], read_spec(sys.argv[1])).explain(np.zeros((99, 99, 3), np.uint8), face)\n"
        "assert np.isnan(found.spectrum[1]).all()  # one colour has none\n"
        "overlay(found.crop, found.cam, 300)\n"
        "print({'torch', 'mlrun', 'plotly', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(bundle)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "set()"


def test_an_overlay_leaves_the_rest_grey_and_grows_with_the_map():
    rgb = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    before = rgb.copy()
    nothing = overlay(rgb, np.zeros((40, 40)))
    np.testing.assert_array_equal(rgb, before)
    grey = np.rint(rgb @ [0.299, 0.587, 0.114])
    assert np.abs(nothing - grey[..., None]).max() <= 1
    # With the least lightness of the map under it, whoever sees no colours sees the order.
    heat = np.linspace(0, 1, 40)[None].repeat(40, axis=0)
    shades = overlay(np.full_like(rgb, 30), heat, strength=1.0).astype(float)
    luma = (shades @ [0.299, 0.587, 0.114]).mean(axis=0)
    assert np.all(np.diff(luma[2:]) > 0) and luma[-1] > 200
    assert np.ptp(shades[0, -1]) > 100  # a colour


def test_an_overlay_has_the_size_that_is_asked_for():
    rgb = np.zeros((40, 40, 3), np.uint8)
    assert overlay(rgb, np.ones((5, 5), np.float32), 96).shape == (96, 96, 3)
    assert overlay(rgb, np.ones((5, 5), np.float32)).shape == (40, 40, 3)
    np.testing.assert_array_equal(overlay(rgb, np.full((5, 5), 9.0)), overlay(rgb, np.ones((5, 5))))
