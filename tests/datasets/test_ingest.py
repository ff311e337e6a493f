from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.ingest import load_pool, load_source
from aletheia.imaging.reading import examine_image

Save = Callable[..., Path]


def load(source: Path, **options: object):
    return load_source(source, progress=False, workers=2, **options)


def test_a_folder_of_real_and_fake(face_folder: Path) -> None:
    found = load(face_folder)
    df = found.manifest.set_index(found.manifest["path"].str.removeprefix(f"{face_folder}/"))
    assert len(df) == 7
    assert found.skipped.empty
    assert df.loc["real/camera/0.jpg", ["label", "source", "generator"]].tolist() == ["real", "camera", ""]
    assert df.loc["fake/swap/3.png", ["label", "source", "generator"]].tolist() == ["fake", "faces", "swap"]
    properties, phash, digest = examine_image(face_folder / "real/camera/0.jpg")
    row = df.loc["real/camera/0.jpg"]
    assert (row.width, row.height, row.format, row.jpeg_quality) == (40, 30, "jpeg", 75.0)
    assert (row.file_bytes, row.chroma) == (properties.file_bytes, properties.chroma)
    assert (int(row.phash), row.sha256) == (phash, digest)


def test_bad_files_are_counted_not_fatal(face_folder: Path, save_image: Save) -> None:
    (face_folder / "real" / "empty.jpg").touch()
    (face_folder / "real" / "text.jpg").write_text("no picture here")
    (face_folder / "fake" / "notes.txt").write_text("notes")
    (face_folder / "fake" / ".hidden.jpg").write_text("hidden")
    (face_folder / ".cache").mkdir()
    save_image(face_folder / ".cache" / "x.jpg", 99)
    save_image(face_folder / "stray.jpg", 98)
    whole = (face_folder / "fake/gan/0.png").read_bytes()
    (face_folder / "fake/gan/half.png").write_bytes(whole[: len(whole) // 2])
    found = load(face_folder)
    assert len(found.manifest) == 7
    reasons = {Path(path).name: reason for path, reason in found.skipped.itertuples(index=False)}
    assert reasons.keys() == {"empty.jpg", "text.jpg", "notes.txt", "stray.jpg", "half.png"}
    assert "empty" in reasons["empty.jpg"]
    assert "text" in reasons["text.jpg"]
    assert "truncated" in reasons["half.png"]
    assert "outside" in reasons["stray.jpg"]


def test_same_bytes_are_taken_once_and_contradictions_not_at_all(face_folder: Path) -> None:
    shutil.copy(face_folder / "real/camera/0.jpg", face_folder / "real/camera/copy.jpg")
    shutil.copy(face_folder / "real/camera/1.jpg", face_folder / "fake/gan/1.jpg")
    found = load(face_folder)
    names = {Path(path).name for path in found.manifest["path"]}
    assert names == {"0.jpg", "2.jpg", "0.png", "1.png", "2.png", "3.png"}
    reasons = {str(Path(p).relative_to(face_folder)): r for p, r in found.skipped.itertuples(index=False)}
    assert "same bytes" in reasons["real/camera/copy.jpg"]
    assert "other label" in reasons["real/camera/1.jpg"] or "another label" in reasons["real/camera/1.jpg"]
    assert "label" in reasons["fake/gan/1.jpg"]


def test_links_that_lead_out_are_refused(face_folder: Path, tmp_path: Path, save_image: Save) -> None:
    outside = save_image(tmp_path / "outside" / "secret.jpg", 50)
    os.symlink(outside, face_folder / "real" / "link.jpg")
    os.symlink(outside.parent, face_folder / "fake" / "linked")
    os.symlink(face_folder / "real/camera/0.jpg", face_folder / "real" / "inner.jpg")
    found = load(face_folder)
    reasons = {Path(path).name: reason for path, reason in found.skipped.itertuples(index=False)}
    assert "leads out" in reasons["link.jpg"]
    assert "links are not followed" in reasons["linked"]
    # A link within the folder is read, and found to be the same picture; which of the two is kept depends on
    # the order.
    assert "same bytes" in (reasons.get("inner.jpg") or reasons.get("0.jpg", ""))
    assert len(found.manifest) == 7
    (face_folder / "m.csv").write_text("path,label\nreal/link.jpg,real\nreal/camera/0.jpg,real\nfake/gan/0.png,fake\n")
    found = load(face_folder / "m.csv")
    assert len(found.manifest) == 2
    assert "leads out" in found.skipped["reason"].iloc[0]


def test_folder_with_a_manifest_beside_it(face_folder: Path, tmp_path: Path) -> None:
    rows = [
        "path,label,source,generator,gender,split",
        "faces/real/camera/0.jpg,real,pix,,female,train",
        "faces/fake/gan/0.png,fake,lab,gan,,",
        "faces/fake/gan/1.png,fake,lab,gan,male,",
        "other/elsewhere.jpg,real,pix,,,",
    ]
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    found = load(face_folder, manifest=tmp_path / "manifest.csv")
    assert found.manifest["source"].tolist() == ["pix", "lab", "lab"]
    assert found.manifest["gender"].tolist() == ["female", "", "male"]
    assert found.manifest["split"].tolist() == ["train", "", ""]
    assert len(found.skipped) == 4
    assert found.skipped["reason"].str.contains("not named in manifest.csv").all()


def test_a_manifest_never_overrides_what_the_file_says(face_folder: Path) -> None:
    (face_folder / "m.csv").write_text(
        "path,label,width,format\nreal/camera/0.jpg,real,9999,gif\nfake/gan/0.png,fake,1,gif\n"
    )
    found = load(face_folder / "m.csv")
    assert found.manifest["width"].tolist() == [40, 40]
    assert found.manifest["format"].tolist() == ["jpeg", "png"]


def test_what_cannot_be_used_is_named(face_folder: Path, tmp_path: Path, save_image: Save) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").touch()
    save_image(tmp_path / "flat" / "a.jpg", 1)
    save_image(tmp_path / "cats" / "cat" / "a.jpg", 1)
    save_image(tmp_path / "one" / "fake" / "a.jpg", 1)
    for i in range(2):
        (tmp_path / "bad" / ("real", "fake")[i]).mkdir(parents=True)
        (tmp_path / "bad" / ("real", "fake")[i] / "x.jpg").touch()
    for name, says in {
        "nothing": "no such folder",
        "empty": "holds no images",
        "texts": "holds no images",
        "flat": "1 images without sub-folders",
        "cats": "'cat'.*Expected is",
        "one": "only fake images were found",
        "bad": "None of the 2 images.*empty",
    }.items():
        with pytest.raises(InputError, match=says):
            load(tmp_path / name)
    (face_folder / "m.csv").write_text("path,label\nreal/camera/0.jpg,real\nreal/gone.jpg,fake\n")
    with pytest.raises(InputError, match=r"names no file in row 2 .*gone.jpg"):
        load(face_folder / "m.csv")
    with pytest.raises(InputError, match="a second manifest"):
        load(face_folder / "m.csv", manifest=face_folder / "m.csv")
    elsewhere = tmp_path / "one" / "m.csv"
    elsewhere.write_text("path,label\nfake/a.jpg,fake\n")
    with pytest.raises(InputError, match="none of its 1 rows lies under"):
        load(face_folder, manifest=elsewhere)


def test_a_pool_is_real_throughout(tmp_path: Path, save_image: Save, face_folder: Path) -> None:
    for i in range(3):
        save_image(tmp_path / "pool" / "00000" / f"{i}.png", 70 + i)
    found = load_pool(tmp_path / "pool", progress=False)
    assert found.manifest["label"].eq("real").all()
    assert found.manifest["source"].eq("ffhq").all()
    assert len(found.manifest) == 3
    (face_folder / "m.csv").write_text("path,label\nreal/camera/0.jpg,real\nfake/gan/0.png,fake\n")
    with pytest.raises(InputError, match=r"real throughout.*row 2"):
        load_pool(face_folder / "m.csv", progress=False)


def layout(root: Path, save: Save, names: list[str]) -> pd.DataFrame:
    for i, name in enumerate(names):
        save(root / name, i)
    df = load(root).manifest
    return df.assign(path=df["path"].str.removeprefix(f"{root}/")).set_index("path")[
        ["label", "source", "generator", "split"]
    ]


def test_genimage(tmp_path: Path, save_image: Save) -> None:
    names = [
        f"{g}/{s}/{k}/{s}{k}.png"
        for g in ("BigGAN", "sd/imagenet_ai")
        for s in ("train", "val")
        for k in ("ai", "nature")
    ]
    df = layout(tmp_path / "GenImage", save_image, names)
    assert len(df) == 8
    assert df.loc["BigGAN/val/ai/valai.png"].tolist() == ["fake", "genimage-BigGAN", "BigGAN", "val"]
    assert df.loc["sd/imagenet_ai/train/nature/trainnature.png"].tolist() == ["real", "genimage-sd", "", "train"]


def test_140k_real_and_fake_faces(tmp_path: Path, save_image: Save) -> None:
    top = "real_vs_fake/real-vs-fake"
    names = [f"{top}/{split}/{label}/0.jpg" for split in ("train", "valid", "test") for label in ("real", "fake")]
    df = layout(tmp_path / "140k", save_image, names)
    assert df["split"].tolist().count("val") == 2
    assert df.loc[f"{top}/valid/fake/0.jpg"].tolist() == ["fake", "140k-real-and-fake-faces", "stylegan", "val"]
    assert df.loc[f"{top}/test/real/0.jpg"].tolist() == ["real", "140k-real-and-fake-faces", "", "test"]


def test_hard_fake_versus_real_faces(tmp_path: Path, save_image: Save) -> None:
    root = tmp_path / "hardfakevsrealfaces"
    root.mkdir()
    (root / "data.csv").write_text("images_id,label\n0,fake\n")
    df = layout(root, save_image, ["fake/0.jpg", "fake/1.jpg", "real/2.jpg"])
    assert df["label"].tolist() == ["fake", "fake", "real"]
    assert df["source"].eq("hardfakevsrealfaces").all()


def test_real_data_when_it_is_there() -> None:
    shared = Path(os.environ.get("ALETHEIA_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
    if not (shared / "ffhq").is_dir():
        pytest.skip("no shared data beside the repository")
    found = load_pool(shared / "ffhq", progress=False)
    assert len(found.manifest) == 150
    assert found.skipped.empty
    assert found.manifest["phash"].nunique() == 150
