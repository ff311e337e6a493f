"""Loading folders, manifests and pools."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.ingest import load_pool, load_source
from aletheia.imaging.reading import examine_image

Save = Callable[..., Path]


def load(source: Path, **options: object):
    return load_source(source, progress=False, workers=2, **options)


def test_load_source_folder(face_folder: Path) -> None:
    ingested = load(face_folder)
    df = ingested.manifest.set_index(ingested.manifest["path"].str.removeprefix(f"{face_folder}/"))
    assert len(df) == 7
    assert ingested.skipped.empty
    assert df.loc["real/camera/0.jpg", ["label", "source", "generator"]].tolist() == ["real", "camera", ""]
    assert df.loc["fake/swap/3.png", ["label", "source", "generator"]].tolist() == ["fake", "faces", "swap"]
    properties, phash, digest = examine_image(face_folder / "real/camera/0.jpg")
    row = df.loc["real/camera/0.jpg"]
    assert (row.width, row.height, row.format, row.jpeg_quality) == (40, 30, "jpeg", 75.0)
    assert (row.file_bytes, row.chroma) == (properties.file_bytes, properties.chroma)
    assert (int(row.phash), row.sha256) == (phash, digest)


def test_load_source_bad_files(face_folder: Path, save_image: Save) -> None:
    (face_folder / "real" / "empty.jpg").touch()
    (face_folder / "real" / "text.jpg").write_text("no picture here")
    (face_folder / "fake" / "notes.txt").write_text("notes")
    (face_folder / "fake" / ".hidden.jpg").write_text("hidden")
    (face_folder / ".cache").mkdir()
    save_image(face_folder / ".cache" / "x.jpg", 99)
    save_image(face_folder / "stray.jpg", 98)
    whole = (face_folder / "fake/gan/0.png").read_bytes()
    (face_folder / "fake/gan/half.png").write_bytes(whole[: len(whole) // 2])
    ingested = load(face_folder)
    assert len(ingested.manifest) == 7
    reasons = {Path(path).name: reason for path, reason in ingested.skipped.itertuples(index=False)}
    assert reasons.keys() == {"empty.jpg", "text.jpg", "notes.txt", "stray.jpg", "half.png"}
    assert "empty" in reasons["empty.jpg"]
    assert "text" in reasons["text.jpg"]
    assert "truncated" in reasons["half.png"]
    assert "outside" in reasons["stray.jpg"]


def test_load_source_duplicates(face_folder: Path) -> None:
    shutil.copy(face_folder / "real/camera/0.jpg", face_folder / "real/camera/copy.jpg")
    shutil.copy(face_folder / "real/camera/1.jpg", face_folder / "fake/gan/1.jpg")
    ingested = load(face_folder)
    names = {Path(path).name for path in ingested.manifest["path"]}
    assert names == {"0.jpg", "2.jpg", "0.png", "1.png", "2.png", "3.png"}
    reasons = {str(Path(p).relative_to(face_folder)): r for p, r in ingested.skipped.itertuples(index=False)}
    assert "same bytes" in reasons["real/camera/copy.jpg"]
    assert "other label" in reasons["real/camera/1.jpg"] or "another label" in reasons["real/camera/1.jpg"]
    assert "label" in reasons["fake/gan/1.jpg"]


def test_load_source_links(face_folder: Path, tmp_path: Path, save_image: Save) -> None:
    outside = save_image(tmp_path / "outside" / "secret.jpg", 50)
    (face_folder / "real" / "link.jpg").symlink_to(outside)
    (face_folder / "fake" / "linked").symlink_to(outside.parent)
    (face_folder / "real" / "inner.jpg").symlink_to(face_folder / "real/camera/0.jpg")
    ingested = load(face_folder)
    reasons = {Path(path).name: reason for path, reason in ingested.skipped.itertuples(index=False)}
    assert "leads out" in reasons["link.jpg"]
    assert "links are not followed" in reasons["linked"]
    # A link within the folder is read, and ingested to be the same picture; which of the two is kept depends on
    # the order.
    assert "same bytes" in (reasons.get("inner.jpg") or reasons.get("0.jpg", ""))
    assert len(ingested.manifest) == 7
    (face_folder / "m.csv").write_text("path,label\nreal/link.jpg,real\nreal/camera/0.jpg,real\nfake/gan/0.png,fake\n")
    ingested = load(face_folder / "m.csv")
    assert len(ingested.manifest) == 2
    assert "leads out" in ingested.skipped["reason"].iloc[0]


@pytest.fixture
def hub_cache(tmp_path: Path, save_image: Save) -> tuple[Path, Path]:
    """A snapshot in the cache of Hugging Face, whose files are links to blobs, and a class folder as DVC links it."""
    blobs, snapshot, elsewhere = tmp_path / "blobs", tmp_path / "snapshots" / "abc", tmp_path / "dvc" / "7f"
    for k in range(3):
        blob = save_image(blobs / f"sha{k}.png", k).rename(blobs / f"sha{k}")
        (snapshot / "real").mkdir(parents=True, exist_ok=True)
        (snapshot / "real" / f"{k}.png").symlink_to(os.path.relpath(blob, snapshot / "real"))
        save_image(elsewhere / f"{k}.png", 10 + k)
    (snapshot / "fake").symlink_to(elsewhere)
    return snapshot, tmp_path


def test_load_source_follows_links_into_stated_roots(hub_cache) -> None:
    snapshot, cache = hub_cache
    with pytest.raises(InputError, match=r"is a link that leads out of the folder"):
        load(snapshot)
    ingested = load(snapshot, link_roots=[str(cache / "blobs"), str(cache / "dvc")])
    assert ingested.manifest["label"].value_counts().to_dict() == {"real": 3, "fake": 3} and ingested.skipped.empty
    with pytest.raises(InputError, match="outside of those that links may lead to"):
        load(snapshot, link_roots=[str(cache / "blobs")])


def test_load_source_manifest_elsewhere_counts_from_its_root(face_folder: Path, tmp_path: Path) -> None:
    """Relative and absolute paths inside the root; links out of it, and paths out of it, stay forbidden."""
    lists = tmp_path / "lists"
    lists.mkdir()
    inside = face_folder / "fake/gan/0.png"
    (lists / "m.csv").write_text(f"path,label\nreal/camera/0.jpg,real\n{inside},fake\nfake/../fake/swap/2.png,fake\n")
    with pytest.raises(InputError, match="leads out of the manifest's folder in row 2"):
        load(lists / "m.csv")
    ingested = load(lists / "m.csv", manifest_root=face_folder)
    assert ingested.manifest["path"].tolist() == [
        str(face_folder / name) for name in ("real/camera/0.jpg", "fake/gan/0.png", "fake/swap/2.png")
    ]
    assert len(load(face_folder, manifest=lists / "m.csv", manifest_root=face_folder).manifest) == 3
    (lists / "m.csv").write_text(f"path,label\n{face_folder}/../x.jpg,real\nfake/gan/0.png,fake\n")
    with pytest.raises(InputError, match=f"leads out of {face_folder} in row 1 .*--manifest-root"):
        load(lists / "m.csv", manifest_root=face_folder)
    with pytest.raises(InputError, match="there is no such folder"):
        load(lists / "m.csv", manifest_root=tmp_path / "nowhere")
    (face_folder / "real" / "link.jpg").symlink_to(lists / "m.csv")
    (lists / "m.csv").write_text("path,label\nreal/link.jpg,real\nreal/camera/0.jpg,real\nfake/gan/0.png,fake\n")
    assert "leads out" in load(lists / "m.csv", manifest_root=face_folder).skipped["reason"].iloc[0]


def test_load_source_of_one_class_where_that_is_enough(face_folder: Path) -> None:
    (face_folder / "m.csv").write_text("path,label\nreal/camera/0.jpg,real\n")
    with pytest.raises(InputError, match="only real images were found"):
        load(face_folder / "m.csv")
    assert load(face_folder / "m.csv", one_class=True).manifest["label"].tolist() == ["real"]


def test_load_source_of_links_only_says_so(hub_cache) -> None:
    snapshot, _ = hub_cache
    (snapshot.parent / "links").mkdir()
    (snapshot.parent / "links" / "real").symlink_to(snapshot / "real")
    with pytest.raises(InputError, match=r"holds no images or videos .*links are not followed \(option link_roots\)"):
        load(snapshot.parent / "links")


def test_load_pool_follows_links(hub_cache) -> None:
    snapshot, cache = hub_cache
    assert len(load_pool(snapshot, progress=False, link_roots=[str(cache)]).manifest) == 6


def test_load_source_names_layout_and_lists(tmp_path: Path, save_image: Save) -> None:
    root = tmp_path / "part"
    for k, name in enumerate(("a/0.png", "b/0.png")):
        save_image(root / name, k)
    (root / "metadata.json").write_text('{"a.mp4": {"label": "FAKE", "original": "b.mp4"}, "b.mp4": {"label": "REAL"}}')
    ingested = load(root)
    assert ingested.notes[0] == "The folder was read in the layout 'label-list', with metadata.json."
    assert ingested.skipped.empty and ingested.manifest["grouping"].tolist() == ["layout", "layout"]


def test_load_source_says_what_a_manifest_spelled(face_folder: Path) -> None:
    rows = "Path,Label\nreal\\camera\\0.jpg,REAL\nfake\\gan\\0.png,FAKE\n"
    (face_folder / "m.csv").write_text(rows)
    notes = load(face_folder, manifest=face_folder / "m.csv").notes
    assert len(notes) == 4 and all(note.startswith("m.csv: ") for note in notes)
    assert load(face_folder / "m.csv").notes == notes


def test_load_source_folder_with_manifest(face_folder: Path, tmp_path: Path) -> None:
    rows = [
        "path,label,source,generator,gender,split",
        "faces/real/camera/0.jpg,real,pix,,female,train",
        "faces/fake/gan/0.png,fake,lab,gan,,",
        "faces/fake/gan/1.png,fake,lab,gan,male,",
        "other/elsewhere.jpg,real,pix,,,",
    ]
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    ingested = load(face_folder, manifest=tmp_path / "manifest.csv")
    assert ingested.manifest["source"].tolist() == ["pix", "lab", "lab"]
    assert ingested.manifest["gender"].tolist() == ["female", "", "male"]
    assert ingested.manifest["split"].tolist() == ["train", "", ""]
    assert len(ingested.skipped) == 4
    assert ingested.skipped["reason"].str.contains("not named in manifest.csv").all()


def test_load_source_properties_from_the_files(face_folder: Path) -> None:
    (face_folder / "m.csv").write_text(
        "path,label,width,format\nreal/camera/0.jpg,real,9999,gif\nfake/gan/0.png,fake,1,gif\n"
    )
    ingested = load(face_folder / "m.csv")
    assert ingested.manifest["width"].tolist() == [40, 40]
    assert ingested.manifest["format"].tolist() == ["jpeg", "png"]


def test_load_source_errors(face_folder: Path, tmp_path: Path, save_image: Save) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").touch()
    save_image(tmp_path / "flat" / "a.jpg", 1)
    save_image(tmp_path / "cats" / "cat" / "a.jpg", 1)
    save_image(tmp_path / "one" / "fake" / "a.jpg", 1)
    for i in range(2):
        (tmp_path / "bad" / ("real", "fake")[i]).mkdir(parents=True)
        (tmp_path / "bad" / ("real", "fake")[i] / "x.jpg").touch()
    for name, message in {
        "nothing": "no such folder",
        "empty": "holds no images",
        "texts": "holds no images",
        "flat": "1 image without sub-folders",
        "cats": "'cat'.*Expected is",
        "one": "only fake images were found",
        "bad": "Of 2 images none.*empty",
    }.items():
        with pytest.raises(InputError, match=message):
            load(tmp_path / name)
    (face_folder / "m.csv").write_text("path,label\nreal/camera/0.jpg,real\nreal/gone.jpg,fake\n")
    with pytest.raises(InputError, match=r"names no file in row 2 .*gone.jpg"):
        load(face_folder / "m.csv")
    with pytest.raises(InputError, match="a second manifest"):
        load(face_folder / "m.csv", manifest=face_folder / "m.csv")
    elsewhere = tmp_path / "one" / "m.csv"
    elsewhere.write_text("path,label\nfake/a.jpg,fake\n")
    with pytest.raises(InputError, match="of 1 row none lies under"):
        load(face_folder, manifest=elsewhere)


def test_load_pool_real_only(tmp_path: Path, save_image: Save, face_folder: Path) -> None:
    for i in range(3):
        save_image(tmp_path / "pool" / "00000" / f"{i}.png", 70 + i)
    ingested = load_pool(tmp_path / "pool", progress=False)
    assert ingested.manifest["label"].eq("real").all()
    assert ingested.manifest["source"].eq("ffhq").all()
    assert len(ingested.manifest) == 3
    (face_folder / "m.csv").write_text("path,label\nreal/camera/0.jpg,real\nfake/gan/0.png,fake\n")
    with pytest.raises(InputError, match=r"real throughout.*row 2"):
        load_pool(face_folder / "m.csv", progress=False)


def test_load_pool_of_the_thumbnails_of_ffhq(tmp_path: Path, save_image: Save) -> None:
    """In their true shape, folders of a thousand numbers each: all genuine, of one source, no videos."""
    names = [f"thumbnails128x128/{1000 * k:05d}/{1000 * k + i:05d}.png" for k in range(3) for i in range(3)]
    for i, name in enumerate(names):
        save_image(tmp_path / name, seed=i)
    for pool in (tmp_path, tmp_path / "thumbnails128x128"):
        manifest = load_pool(pool, progress=False).manifest
        assert len(manifest) == 9 and set(manifest["label"]) == {"real"} and set(manifest["source"]) == {"ffhq"}
        assert set(manifest["video"]) == {""}
    with pytest.raises(InputError, match="does not tell real from fake: it has sub-folders '00000'"):
        load_source(tmp_path / "thumbnails128x128", progress=False)


def test_load_pool_shared_data() -> None:
    shared = Path(os.environ.get("ALETHEIA_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
    if not (shared / "ffhq").is_dir():
        pytest.skip("no shared data beside the repository")
    ingested = load_pool(shared / "ffhq", progress=False)
    assert len(ingested.manifest) == 150
    assert ingested.skipped.empty
    assert ingested.manifest["phash"].nunique() == 150
