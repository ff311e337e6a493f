"""Mistakes of a user, by the command that a user runs: one sentence, exit code 2, no traceback."""

from __future__ import annotations

import csv
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aletheia.datasets.synthetic.generate import generate_dataset

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    """Thirty genuine and thirty fake pictures: good/real, good/fake."""
    folder = tmp_path_factory.mktemp("faces") / "good"
    drawn = generate_dataset(tmp_path_factory.mktemp("drawn") / "set", n=240, pool=1, progress=False).parent
    for label in ("real", "fake"):
        (folder / label).mkdir(parents=True)
        for file in sorted((drawn / label).rglob("*.jpg"))[:30]:
            shutil.copy(file, folder / label / file.name)
    return folder


@pytest.fixture
def copy(faces, tmp_path) -> Path:
    return Path(shutil.copytree(faces, tmp_path / "faces"))


def refused(done, *words: str) -> None:
    """Check for exit code 2 and one sentence that holds each of these words once."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for word in words:
        assert done.stderr.count(word) == 1, done.stderr


def manifest(faces: Path, columns=("path", "label"), label="fake", extra=()) -> str:
    path = faces / "manifest.csv"
    rows = [(f"{file.parent.name}/{file.name}", file.parent.name) for file in sorted(faces.glob("*/*.jpg"))]
    rows[-1] = (rows[-1][0], label)
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        writer.writerows(row[: len(columns)] for row in [*rows, *extra])
    return str(path)


def test_run_empty_folder(checkout, tmp_path):
    refused(checkout.run("--source", str(tmp_path)), "holds no images", "real/ and fake/")


def test_run_single_class(checkout, copy):
    shutil.rmtree(copy / "fake")
    refused(checkout.run("--source", str(copy)), "only real images", "add fake images")


def test_run_csv_with_unknown_label(checkout, copy):
    refused(checkout.run("--source", manifest(copy, label="maybe")), "row 60 ('maybe')")


def test_run_bad_option_is_refused_early(checkout):
    done = checkout.run("--face-policy", "oval")
    refused(done, "no face policy 'oval'; choose one of scale, tight, aligned")
    assert "extract-faces" not in done.stderr


def test_run_tracking_port_taken(checkout, faces, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = checkout.run(ALETHEIA_HOME=str(tmp_path / "home"), ALETHEIA_TRACKING_PORT=port)
    refused(done, f"Port {port}", "ALETHEIA_TRACKING_PORT=")


def test_run_skips_unreadable_pictures(checkout, copy):
    """Readable files are read; the others are left out, counted and named, and the run goes on."""
    real, fake = copy / "real", copy / "fake"
    first, second, third = sorted(real.glob("*.jpg"))[:3]
    image = Image.open(first).convert("RGB")
    second.write_bytes(second.read_bytes()[:400])
    third.write_bytes(b"")
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(real / "sixteen-bit.png")
    image.convert("L").save(real / "grey.jpg")
    image.convert("CMYK").save(real / "cmyk.jpg")
    image.quantize(256).save(real / "palette.png")
    image.save(real / "animated.gif", save_all=True, append_images=[image.rotate(3)])
    orientation = Image.Exif()
    orientation[0x112] = 6
    image.rotate(90, expand=True).save(real / "rotated.jpg", exif=orientation)
    (fake / "text.jpg").write_text("no picture" * 100)
    Image.new("L", (20_000, 10_000)).save(fake / "bomb.png")
    assert (fake / "bomb.png").stat().st_size < 1_000_000
    done = checkout.run("--source", str(copy))
    assert done.returncode == 0, done.stderr
    summary = checkout.summary()
    (table,) = (checkout.folder / "artifacts" / summary["runs"]["extract-faces"]).rglob("skipped.csv")
    with table.open() as handle:
        skipped = {Path(row["path"]).name: row["reason"] for row in csv.DictReader(handle)}
    assert summary["skipped"] == len(skipped) == sum(summary["skipped_because"].values())
    assert set(skipped) == {second.name, third.name, "text.jpg", "bomb.png"}
    assert "pixels" in skipped["bomb.png"]
    assert "text" in skipped["text.jpg"]
    assert "empty" in skipped[third.name]
    assert "truncated" in skipped[second.name]
