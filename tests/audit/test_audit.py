"""The audit names the family of a planted shortcut, and none where nothing is planted."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from aletheia.audit.audit import ALL, Audit, Family, audit_faces
from aletheia.cli import app
from aletheia.datasets.ingest import load_source
from aletheia.reports.audit_report import audit_figure, render_audit_report
from aletheia.stats.tabular import not_computed

N = 120
Made = Callable[[str], pd.DataFrame]


def planted(tmp_path, shortcut: str) -> pd.DataFrame:
    """Images of noise with a face in each; the fakes differ in alone property."""
    rng = np.random.default_rng(3)
    boxes = []
    # Names in no order: numbers or letters in a row would make noise look like frames of a film.
    names = ["".join(word) for word in np.random.default_rng(4).choice(list("ghijklmnop"), (N, 8))]
    for k in range(N):
        label = ("real", "fake")[k % 2]
        fake = label == "fake"
        smooth = cv2.GaussianBlur(rng.normal(0, 120, (160, 200, 3)), (0, 0), 6)
        image = 128 + smooth * 2 + rng.normal(0, 4, smooth.shape)
        x, y, side = rng.uniform(50, 90), rng.uniform(40, 60), rng.uniform(55, 65)
        if fake and shortcut == "light":
            image[..., 0] += 35
        if fake and shortcut == "sharpness":
            image = cv2.GaussianBlur(image, (0, 0), 1.0)
        if fake and shortcut == "framing":
            x += 45
        folder = tmp_path / label / ("camera-b" if fake and shortcut == "source" else "camera-a")
        if fake:
            folder = folder / "swap"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{names[k]}.jpg"
        quality = 70 if fake and shortcut == "tables" else 92
        data = cv2.imencode(".jpg", np.clip(image, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        (folder / name).write_bytes(data.tobytes())
        boxes.append((str(folder / name), x, y, side))
    rows = load_source(tmp_path, progress=False).manifest
    if shortcut == "source":
        rows["source"] = np.where(rows["label"] == "fake", "camera-b", "camera-a")
    else:
        rows["source"] = "camera-a"
    places = pd.DataFrame(boxes, columns=["path", "x", "y", "side"]).set_index("path").loc[rows["path"]]
    x, y, side = (places[name].to_numpy() for name in ("x", "y", "side"))
    relative = np.array([(0.3, 0.3), (0.7, 0.3), (0.5, 0.6), (0.5, 0.8), (0.05, 0.4), (0.95, 0.4)])
    points = np.stack([x, y], 1)[:, None] + relative * side[:, None, None] + rng.normal(0, 1, (len(rows), 6, 2))
    return rows.assign(
        original=rows["path"],
        crop_size=96,
        crop_policy="scale",
        crop_margin=0.2,
        face_x0=x,
        face_y0=y,
        face_x1=x + side,
        face_y1=y + side,
        face_score=0.9,
        face_keypoints=[" ".join(f"{a:.1f},{b:.1f}" for a, b in row) for row in points],
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    """Faces with a shortcut, whose files are drawn once: tests change the rows alone."""

    @functools.cache
    def draw(shortcut: str) -> pd.DataFrame:
        return planted(tmp_path_factory.mktemp(shortcut), shortcut)

    return lambda shortcut: draw(shortcut).copy()


@pytest.fixture(scope="module")
def audited(made: Made) -> Callable[[str], Audit]:
    """Audits of pictures with a shortcut, each made once."""
    return functools.cache(lambda shortcut: audit_faces(made(shortcut), workers=1, progress=False)[0])


def telling_families(audit: Audit) -> set[str]:
    return {family.key for family in audit.families if family.tells} - {ALL}


def test_audit_faces_without_shortcut(audited):
    audit = audited("nothing")
    assert telling_families(audit) == set()
    (sentence,) = audit.sentences()
    assert sentence.startswith("Nothing but the faces tells real from fake here, as far as these measures see")
    assert (audit.rows, audit.fakes, audit.unmeasured) == (N, N // 2, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shortcut", "families", "word"),
    [
        ("source", {"source"}, "source"),
        ("tables", {"tables", "delivery"}, "luma step"),
        pytest.param("light", {"light", "background", "thumbnail"}, "mean", marks=pytest.mark.slow),
        pytest.param("sharpness", {"sharpness", "background"}, "noise", marks=pytest.mark.slow),
        pytest.param("framing", {"framing"}, "place of the face, from the left", marks=pytest.mark.slow),
    ],
)
def test_audit_faces_planted_shortcut(audited, shortcut, families, word):
    audit = audited(shortcut)
    assert families <= telling_families(audit)
    assert audit[shortcut].auc > 0.9
    assert audit[ALL].auc > 0.9
    assert word in " ".join(audit.sentences())
    others = {"keypoints", "source", "tables", "framing"} - families
    assert not others & telling_families(audit)


@pytest.mark.slow
def test_audit_faces_too_few_people_to_tell(made):
    """Three people: an AUC near 1 may be chance, which is no reason to say that nothing was found."""
    faces = made("light")
    audit, _ = audit_faces(faces.assign(identity=[f"p{k % 3}" for k in range(N)]), workers=1, progress=False)
    assert audit["light"].auc > 0.9 and not telling_families(audit)
    (sentence,) = audit.sentences()
    assert "too few people or videos" in sentence and "AUC" in sentence


def audit_of(auc: float, low: float, chance: float, together: tuple[float, float] = (0.5, 0.4)) -> Audit:
    """An audit of one family and all measures together, of so many groups that a guess has this deviation."""
    base = dataclasses.replace(not_computed("", True), high=0.8)
    light = Family("light", "light and colour", False, dataclasses.replace(base, auc=auc, low=low), chance)
    outcome = dataclasses.replace(base, auc=together[0], low=together[1])
    return Audit((light, Family(ALL, "all measures together", False, outcome, chance)), 68, 34, 68, 0)


def test_audit_says_what_it_could_not_have_seen():
    """Of 34 pairs an AUC of .75 is taken for chance, and may be none."""
    assert audit_of(0.75, 0.55, 0.0705).sentences() == [
        "Nothing but the faces tells real from fake here, as far as these measures see; of so few people or videos "
        "an AUC below 0.78 may be chance."
    ]
    (sentence,) = audit_of(0.55, 0.49, 0.02).sentences()
    assert sentence == "Nothing but the faces tells real from fake here, as far as these measures see."


def test_audit_names_all_measures_together_where_they_alone_tell():
    audit = audit_of(0.58, 0.49, 0.02, together=(0.66, 0.57))
    assert audit.verdict == "bad"
    assert audit.sentences() == ["all measures together: AUC 0.66 (0.57 to 0.80)."]
    (sentence,) = audit_of(0.58, 0.49, 0.02, together=(0.66, 0.45)).sentences()
    assert "too few people or videos" in sentence and "all measures together has AUC 0.66" in sentence


@pytest.mark.slow
def test_audit_faces_unreadable_file(tmp_path):
    faces = planted(tmp_path, "nothing")
    for path in faces["path"][:3]:
        Path(path).write_bytes(b"")
    audit, measures = audit_faces(faces, workers=1, progress=False)
    assert audit.unmeasured == 3
    assert measures["red"].isna().sum() == 3 and len(measures) == len(faces)


@pytest.mark.slow
def test_audit_faces_draws_whole_groups(made, monkeypatch):
    faces = made("nothing").assign(identity=[f"p{k // 3}" for k in range(N)])
    monkeypatch.setattr("aletheia.audit.audit.MAX_ROWS", 60)
    audit, measures = audit_faces(faces, workers=1, progress=False)
    assert 40 <= audit.rows == len(measures) <= 62 and audit.total == N
    assert (faces.loc[measures.index, "identity"].value_counts() == 3).all()
    assert f"drawn from {N}" in render_audit_report(audit, faces, measures)


def test_audit_faces_videos(made, tmp_path):
    faces = made("nothing")
    faces["original"] = [f"{tmp_path}/{k}.mp4" for k in range(N)]
    audit, _ = audit_faces(faces, workers=1, progress=False)
    assert audit.unmeasured == N and audit.verdict == ""
    assert "could not be measured" in audit.sentences()[0] and "Nothing but the faces" not in " ".join(
        audit.sentences()
    )
    assert not audit["delivery"].reason and audit["light"].reason


@pytest.mark.slow
def test_audit_faces_source_invisible_in_crops(made, audited):
    pictures = audited("source")
    crops, _ = audit_faces(made("source"), "crops", workers=1, progress=False)
    assert "source" in telling_families(pictures) and "source" not in telling_families(crops)
    assert crops["source"].auc == 1 and crops[ALL].auc < 0.8 < pictures[ALL].auc


def test_audit_faces_missing_measures(made):
    """Crops of inner faces have no background: that is no 0.5, and no reason to doubt the rest either."""
    faces = made("nothing")
    faces = faces.assign(face_x0=0.0, face_y0=0.0, face_x1=4000.0, face_y1=4000.0)
    audit, _ = audit_faces(faces, workers=1, progress=False)
    for key in ("background", "light", "sharpness", "blanked"):
        assert np.isnan(audit[key].auc) and "in these images" in audit.family(key).auc_text
    assert not audit["thumbnail"].reason and audit.verdict == "good"


@pytest.mark.slow
def test_audit_faces_hundreds_of_sources(made):
    faces = made("nothing")
    many = pd.concat([faces.assign(source=[f"{k}-{i}" for i in range(N)]) for k in range(3)], ignore_index=True)
    audit, _ = audit_faces(many, workers=1, progress=False)
    assert not audit["source"].reason and 0 <= audit["source"].auc <= 1
    assert audit.rows == 3 * N


def test_audit_faces_one_class(made):
    faces = made("nothing")
    audit, _ = audit_faces(faces[faces["label"] == "real"], workers=1, progress=False)
    assert audit.sentences() == ["The audit could not be made in full: the rows are all real."]
    assert json.loads(json.dumps(audit.to_dict()))["families"][ALL]["auc"] is None


@pytest.mark.slow
def test_audit_faces_processes(made, monkeypatch):
    monkeypatch.setattr("aletheia.audit.measuring._MIN_FILES", 1)
    faces = made("light")
    (alone, first), (shared, second) = (audit_faces(faces, workers=n, progress=False) for n in (1, 2))
    pd.testing.assert_frame_equal(first, second)
    assert alone.to_dict() == shared.to_dict()


@pytest.mark.slow
def test_audit_report_escapes(made):
    faces = made("source")
    faces["source"] = faces["source"] + "<script>alert(1)</script>"
    audit, measures = audit_faces(faces, workers=1, progress=False)
    page = render_audit_report(audit, faces, measures, title="<b>")
    assert "<script>alert" not in page and "&lt;b&gt;" in page
    assert "source: AUC 1.00" in page
    ours = page[page.index("</script>") :]  # behind plotly's own code
    assert 'src="http' not in ours and "@import" not in ours
    figure = audit_figure(audit)
    drawn = {name: x for trace in figure.data for name, x in zip(trace.y, trace.x, strict=True)}
    assert drawn["source"] == audit["source"].auc
    assert set(drawn) == {family.name for family in audit.families if not family.outcome.reason}
    assert audit["tables"].reason and len(drawn) == len(audit.families) - 1  # PNG has no tables


@pytest.mark.slow
def test_audit_command(tmp_path, monkeypatch):
    monkeypatch.setenv("ALETHEIA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    from aletheia.datasets.synthetic.generate import generate_dataset

    manifest = generate_dataset(tmp_path / "drawn", n=300, pool=1, progress=False)
    result = CliRunner().invoke(app, ["audit", str(manifest), "--json", "--strict"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    for view in ("pictures", "crops"):
        assert answer[view]["rows"] > 100
        assert set(answer[view]["families"]) >= {"source", "delivery", "thumbnail", ALL}
    assert (tmp_path / "audit.html").stat().st_size > 1_000_000
    for path in (tmp_path / "drawn" / "fake").rglob("*.jpg"):  # a light that the crops show, too
        Image.open(path).point(lambda value: value // 3).save(path)
    result = CliRunner().invoke(app, ["audit", str(manifest), "--strict"])
    assert result.exit_code == 1, result.output
    assert "mean" in result.stdout.split("a network would see:")[1]
