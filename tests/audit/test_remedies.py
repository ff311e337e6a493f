"""Remedies change both classes alike, and the audit measures the difference."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import ks_2samp
from typer.testing import CliRunner

from aletheia.audit.audit import audit_faces
from aletheia.audit.controls import score_families
from aletheia.audit.measures import FAMILIES
from aletheia.audit.measuring import CROPS, measure_faces
from aletheia.audit.reencoding import reencode_faces
from aletheia.audit.remedies import Remedies, apply_remedies
from aletheia.cli import app
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.datasets.manifest import validate_manifest
from aletheia.faces.crop import crop_face
from aletheia.faces.face import Face
from aletheia.imaging.decoding import load_bytes
from aletheia.imaging.reading import probe_image, read_image
from aletheia.imaging.transforms import resaved
from aletheia.models.preprocessing import network_input
from aletheia.models.spec import ModelSpec
from aletheia.training.export import crop_of

N, SIDE = 160, 96


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path / "data"))


def crops(folder, *, quality=(92, 70), brightness=0.0, pose=0.0) -> pd.DataFrame:
    """Crops of noise, real and fake in turn, saved with one JPEG quality a class before they were cut out."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True)
    rows = []
    for k in range(N):
        fake = k % 2
        smooth = cv2.GaussianBlur(rng.normal(0, 150, (SIDE, SIDE, 3)), (0, 0), 3)
        image = np.clip(128 + 2 * smooth + rng.normal(0, 4, smooth.shape) + brightness * fake, 0, 255)
        data = cv2.imencode(".jpg", image.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality[fake]])[1]
        path = folder / f"{k:04d}.png"
        cv2.imwrite(str(path), cv2.imdecode(data, cv2.IMREAD_COLOR))
        tilt = rng.normal(0, 2) + pose * fake
        points = np.array([(30, 30), (70, 30 + tilt), (50, 60), (50, 80), (5, 40), (95, 40)]) + rng.normal(0, 1, (6, 2))
        rows.append(
            {
                "path": str(path),
                "label": ("real", "fake")[fake],
                "source": ("camera", "camera", "web", "stock")[k % 4] if not fake else ("camera", "web")[k // 2 % 2],
                "width": 400,
                "height": 400,
                "format": "jpeg",
                "jpeg_quality": float(quality[fake]),
                "chroma": "4:2:0",
                "file_bytes": len(data),
                "original": str(path),
                "face_keypoints": " ".join(f"{x:.1f},{y:.1f}" for x, y in points),
                "face_x0": 0.0,
                "face_y0": 0.0,
                "face_x1": 100.0,
                "face_y1": 100.0,
                "face_score": 0.9,
                "crop_size": SIDE,
                "crop_policy": "scale",
                "crop_margin": 0.2,
            }
        )
    return validate_manifest(pd.DataFrame(rows))


@pytest.mark.parametrize(
    "words",
    [[], ["reencode=60-95"], ["drop=source=stock", "match=framing", "match=source", "reencode=70-70", "resolution=48"]],
)
def test_parse_words_round_trip(words):
    assert Remedies.parse(words).words() == words
    assert bool(Remedies.parse(words)) == bool(words)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("blur", "no remedy 'blur'"),
        ("match=beauty", "no remedy"),
        ("reencode=0-50", "quality.*greater than or equal to 1"),
        ("reencode=90-60", "the lower JPEG quality comes first"),
        ("reencode=x", "no remedy"),
        ("resolution=0", "no remedy"),
        ("resolution=4", "below 8 pixels"),
        ("resolution=3000", "resolution=3000 cannot be recorded in a model.*less than or equal to 2048"),
        ("resolution=30000", "2048"),
        ("drop=source", "no remedy"),
        ("", "no remedy"),
    ],
)
def test_parse_refused(word, message):
    with pytest.raises(InputError, match=message):
        Remedies.parse([word])


@pytest.mark.parametrize("resolution", [8, 2048])
def test_parse_limits_are_those_of_a_model(resolution):
    assert Remedies.parse([f"resolution={resolution}"]).resolution == resolution
    crop = {"size": 96, "resolution": resolution}
    assert ModelSpec(architecture="attention_cnn", input_size=SIDE, crop=crop).crop.resolution == resolution
    with pytest.raises(InputError, match="resolution"):
        ModelSpec(architecture="attention_cnn", input_size=SIDE, crop={"resolution": 2049})


@pytest.mark.slow
def test_apply_remedies_reencode(tmp_path):
    faces = crops(tmp_path / "faces")
    pool = faces[faces.label == "real"].head(3).reset_index(drop=True)
    before, _ = audit_faces(faces, CROPS, workers=1, progress=False)
    assert before["delivery"].auc == 1 and before["residue"].auc > 0.8
    result = apply_remedies(faces, pool, Remedies.parse(["reencode=60-90", "resolution=32"]), progress=False)
    after, _ = audit_faces(result.faces, CROPS, workers=1, progress=False)
    assert not {f.key for f in after.families if f.tells}
    assert after["residue"].auc < before["residue"].auc - 0.2
    assert len(result.faces) == N and len(result.pool) == 3 and not len(result.left_out)
    for row in result.faces.itertuples():
        properties = probe_image(row.path)
        assert (properties.format, properties.chroma, properties.width, properties.height) == (
            "jpeg",
            "4:2:0",
            SIDE,
            SIDE,
        )
        assert properties.jpeg_quality == row.jpeg_quality and 60 <= row.jpeg_quality <= 90
        assert properties.file_bytes == row.file_bytes
    drawn = [result.faces.loc[result.faces.label == label, "jpeg_quality"] for label in ("real", "fake")]
    assert ks_2samp(*drawn).pvalue > 0.05
    assert set(result.faces.remedies) == {"reencode=60-90 resolution=32"} == set(result.pool.remedies)
    assert result.faces.original.tolist() == faces.original.tolist()
    assert "163 faces" in result.messages[0]


def test_reencode_faces_repeatable(tmp_path):
    faces, remedies = crops(tmp_path / "faces"), Remedies.parse(["reencode"])
    first = apply_remedies(faces, faces.iloc[:0], remedies, progress=False).faces
    written = {path: Path(path).stat().st_mtime_ns for path in first.path}
    again = apply_remedies(faces.iloc[::-1], faces.iloc[:0], remedies, progress=False).faces
    pd.testing.assert_frame_equal(first, again.iloc[::-1].reset_index(drop=True))
    assert written == {path: Path(path).stat().st_mtime_ns for path in first.path}


def test_reencode_faces_into_shards(tmp_path, monkeypatch):
    faces = crops(tmp_path / "faces")
    saved, _ = reencode_faces(faces, tmp_path / "files", (60, 90), 32, progress=False)
    monkeypatch.setenv("ALETHEIA_SHARD_FROM", str(N))
    get_settings.cache_clear()
    sharded, _ = reencode_faces(faces, tmp_path / "shards", (60, 90), 32, progress=False)
    again, _ = reencode_faces(faces, tmp_path / "shards", (60, 90), 32, progress=False)
    get_settings.cache_clear()
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["saved-00000.tar"]
    pd.testing.assert_frame_equal(sharded, again)
    pd.testing.assert_frame_equal(saved.drop(columns="path"), sharded.drop(columns="path"))
    assert [load_bytes(path)[1] for path in sharded.path] == [load_bytes(path)[1] for path in saved.path]


def test_network_input_saved_as_in_training(tmp_path):
    """The network's input of an image is bit for bit the one that it was trained on."""
    rgb = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8), (0, 0), 2)
    face = Face(np.array([50, 50, 150, 150], np.float32), np.zeros((6, 2), np.float32), 0.9)
    cv2.imwrite(str(tmp_path / "crop.png"), crop_face(rgb, face, SIDE)[..., ::-1])
    faces = crops(tmp_path / "faces").head(1).assign(path=str(tmp_path / "crop.png"))
    saved, _ = reencode_faces(faces, tmp_path / "saved", (40, 95), 64, progress=False)
    spec = ModelSpec(architecture="attention_cnn", input_size=SIDE, crop=crop_of(saved, SIDE))
    assert spec.crop.quality == (40, 95) and spec.crop.resolution == 64
    assert (network_input(rgb, face, spec) == read_image(saved.path[0])).all()


def test_reencode_faces_identical_crops(tmp_path):
    faces = crops(tmp_path / "faces")
    for path in faces.path[1:3]:
        shutil.copy(faces.path[0], path)
    result = apply_remedies(faces, faces.iloc[:0], Remedies.parse(["reencode"]), progress=False)
    assert validate_manifest(result.faces).path.is_unique and len(result.faces) == N


def test_reencode_faces_unreadable_crop(tmp_path):
    faces = crops(tmp_path / "faces")
    Path(faces.path[3]).write_bytes(b"")
    result = apply_remedies(faces, faces.iloc[:0], Remedies.parse(["reencode"]), progress=False)
    assert len(result.faces) == N - 1
    assert result.left_out.path.tolist() == [faces.path[3]] and "zero bytes" in result.left_out.reason[0]


@pytest.mark.slow
def test_apply_remedies_match_and_drop(tmp_path):
    faces = crops(tmp_path / "faces", pose=6.0)
    before, _ = audit_faces(faces, workers=1, progress=False)
    assert before["keypoints"].auc > 0.8
    result = apply_remedies(faces, faces.iloc[:0], Remedies.parse(["match=keypoints"]), progress=False)
    assert (result.faces.label == "fake").sum() == (result.faces.label == "real").sum() < N / 2
    after, _ = audit_faces(result.faces, workers=1, progress=False)
    assert not {f.key for f in after.families if f.tells and f.key == "keypoints"}
    assert set(result.left_out.reason) == {"no match by keypoints"}
    assert len(result.left_out) + len(result.faces) == N
    dropped = apply_remedies(faces, faces, Remedies.parse(["drop=source=web"]), progress=False)
    assert "web" not in set(dropped.faces.source) | set(dropped.pool.source)
    with pytest.raises(InputError, match="no column 'mood'"):
        apply_remedies(faces, faces, Remedies.parse(["drop=mood=glad"]), progress=False)
    with pytest.raises(InputError, match="use fewer"):
        apply_remedies(faces, faces, Remedies.parse(["drop=label=fake"]), progress=False)


def test_apply_remedies_match_source(tmp_path):
    result = apply_remedies(crops(tmp_path / "f"), pd.DataFrame(), Remedies.parse(["match=source"]), progress=False)
    counts = pd.crosstab(result.faces.source, result.faces.label)
    assert (counts["real"] == counts["fake"]).all() and "stock" not in counts.index


def test_resaved_quality_and_resolution():
    rgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for quality in (40, 75, 95):
        written = Image.open(io.BytesIO(resaved(rgb, quality)))
        Image.fromarray(rgb).save(pillow := io.BytesIO(), "JPEG", quality=quality, subsampling="4:2:0")
        assert written.quantization == Image.open(pillow).quantization
    assert (read_image(resaved(rgb, None)) == rgb).all()
    checks = np.kron(np.indices((32, 32)).sum(0) % 2 * 255, np.ones((2, 2)))[..., None].repeat(3, 2).astype(np.uint8)
    assert (read_image(resaved(checks, None, 64)) == checks).all()
    fine = np.indices((64, 64)).sum(0)[..., None].repeat(3, 2).astype(np.uint8) % 2 * 255
    assert read_image(resaved(fine, None, 32)).std() < 1


def test_score_families_on_test_rows(tmp_path):
    faces = crops(tmp_path / "faces", brightness=60.0, pose=4.0)
    train, test = faces.iloc[: N // 2].reset_index(drop=True), faces.iloc[N // 2 :].reset_index(drop=True)
    outcomes = score_families(train, test, workers=1, progress=False)
    assert set(outcomes) == {*FAMILIES, "all"}
    assert outcomes["thumbnail"].auc > 0.85 and outcomes["keypoints"].auc > 0.7 and outcomes["blanked"].auc > 0.85
    assert not any(outcome.cross_validated for outcome in outcomes.values())
    assert outcomes["thumbnail"].n == len(test) and outcomes["light"].auc > 0.85
    shuffled = train.assign(label=np.random.default_rng(0).permutation(train.label))
    by_chance = [one for one in score_families(shuffled, test, workers=1, progress=False).values() if not one.reason]
    assert len(by_chance) > 3 and all(0.2 < outcome.auc < 0.8 for outcome in by_chance)
    one_class = score_families(train, test[test.label == "real"], workers=1, progress=False)
    assert all(outcome.reason for outcome in one_class.values())


def test_measure_faces_background_of_crops(tmp_path):
    faces = crops(tmp_path / "faces").head(1)
    image = np.full((SIDE, SIDE, 3), 50, np.uint8)
    edge = round(SIDE * 0.2 / 1.4)
    image[edge : SIDE - edge, edge : SIDE - edge] = 200
    cv2.imwrite(faces.path[0], image)
    values = measure_faces(faces, CROPS, progress=False).iloc[0]
    assert values["red"] == pytest.approx(50, abs=6) and values["back_red"] == pytest.approx(50, abs=6)
    assert values["point_x0"] == pytest.approx((float(faces.face_keypoints[0].split(",")[0]) - 50) / 100, abs=1e-3)
    assert values["face_share"] == pytest.approx(1 / 1.4, abs=0.01)
    with pytest.raises(InputError, match="extract the faces first"):
        measure_faces(faces.drop(columns="face_keypoints"), CROPS)


@pytest.mark.parametrize("command", [["run"], ["audit", "synthetic"]])
def test_resolution_beyond_a_model_is_refused_before_any_work(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALETHEIA_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(app, [*command, "--remedy", "resolution=3000"])
    assert isinstance(result.exception, InputError) and "less than or equal to 2048" in str(result.exception)
    assert list(tmp_path.iterdir()) == []
