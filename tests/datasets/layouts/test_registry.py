"""Layouts of folders, and one from outside this project: by a call, and as an installed extension."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets import list_layouts, load_source, register_layout
from aletheia.datasets.layouts import FileLabel, Tree, describe_files, describe_tree, list_media, registry

Save = Callable[..., Path]

#: A layout as another package would bring it: the label is the first letter of the file's name.
SOURCE = """
from aletheia.datasets import FileLabel, register_layout


@register_layout("{name}")
def by_first_letter(parts, folder):
    if parts[0] != "{name}":
        return None
    label = {{"r": "real", "f": "fake"}}.get(parts[-1][0])
    return label and FileLabel(label, source=folder, generator="stargan" if label == "fake" else "")
"""


def load_layout(root: Path, save: Save, names: list[str]) -> pd.DataFrame:
    for i, name in enumerate(names):
        save(root / name, i)
    df = load_source(root, progress=False, workers=2).manifest
    return df.assign(path=df["path"].str.removeprefix(f"{root}/")).set_index("path")[
        ["label", "source", "generator", "split"]
    ]


def test_layout_genimage(tmp_path: Path, save_image: Save) -> None:
    names = [
        f"{g}/{s}/{k}/{s}{k}.png"
        for g in ("BigGAN", "sd/imagenet_ai")
        for s in ("train", "val")
        for k in ("ai", "nature")
    ]
    df = load_layout(tmp_path / "GenImage", save_image, names)
    assert len(df) == 8
    assert df.loc["BigGAN/val/ai/valai.png"].tolist() == ["fake", "genimage-BigGAN", "BigGAN", "val"]
    assert df.loc["sd/imagenet_ai/train/nature/trainnature.png"].tolist() == ["real", "genimage-sd", "", "train"]


def test_layout_140k_real_and_fake_faces(tmp_path: Path, save_image: Save) -> None:
    top = "real_vs_fake/real-vs-fake"
    names = [f"{top}/{split}/{label}/0.jpg" for split in ("train", "valid", "test") for label in ("real", "fake")]
    df = load_layout(tmp_path / "140k", save_image, names)
    assert df["split"].tolist().count("val") == 2
    assert df.loc[f"{top}/valid/fake/0.jpg"].tolist() == ["fake", "140k-real-and-fake-faces", "stylegan", "val"]
    assert df.loc[f"{top}/test/real/0.jpg"].tolist() == ["real", "140k-real-and-fake-faces", "", "test"]


def test_layout_hard_fake_versus_real_faces(tmp_path: Path, save_image: Save) -> None:
    root = tmp_path / "hardfakevsrealfaces"
    root.mkdir()
    (root / "data.csv").write_text("images_id,label\n0,fake\n")
    df = load_layout(root, save_image, ["fake/0.jpg", "fake/1.jpg", "real/2.jpg"])
    assert df["label"].tolist() == ["fake", "fake", "real"]
    assert df["source"].eq("hardfakevsrealfaces").all()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed packages; the layouts of a test are forgotten after it."""
    before = set(list_layouts())
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in set(list_layouts()) - before:
        registry._REGISTRY.unregister(name)


def flat_tree(root: Path, name: str, save: Save) -> Path:
    for k, file in enumerate(("r1.jpg", "r2.jpg", "f1.jpg", "x1.jpg")):
        save(root / "tree" / name / file, k)
    return root / "tree"


def check_loaded(tree: Path) -> None:
    ingested = load_source(tree, progress=False, workers=1)
    rows = ingested.manifest.assign(name=[Path(path).name for path in ingested.manifest["path"]]).set_index("name")
    assert rows["label"].to_dict() == {"r1.jpg": "real", "r2.jpg": "real", "f1.jpg": "fake"}
    assert rows["generator"].to_dict() == {"r1.jpg": "", "r2.jpg": "", "f1.jpg": "stargan"}
    assert rows["source"].eq("tree").all()
    assert [Path(path).name for path in ingested.skipped["path"]] == ["x1.jpg"]


def test_register_layout_loads_a_tree(site, tmp_path, save_image):
    tree = flat_tree(tmp_path, "by-call", save_image)
    with pytest.raises(InputError, match="does not tell real from fake: it has sub-folders 'by-call'"):
        load_source(tree, progress=False)
    (site / "layout_by_call.py").write_text(SOURCE.format(name="by-call"))
    __import__("layout_by_call")
    check_loaded(tree)
    assert list_layouts()[0] == "by-call"  # before the more general ones of this project


def test_entry_point_loads_a_tree(site, tmp_path, save_image):
    tree = flat_tree(tmp_path, "by-entry-point", save_image)
    (site / "layout_package.py").write_text(SOURCE.format(name="by-entry-point"))
    info = site / "layout_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: layout_package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[aletheia.layouts]\nfirst-letter = layout_package\n")
    sys.modules.pop("layout_package", None)
    check_loaded(tree)
    with pytest.raises(InputError, match=r"or a layout of an installed extension \(by-entry-point\)"):
        load_source(flat_tree(tmp_path / "other", "cats", save_image), progress=False)


def test_register_layout_name_taken(site):
    with pytest.raises(InputError, match="two implementations of the data-set layout 'genimage'"):
        register_layout("genimage")(lambda parts, folder: FileLabel("real"))


def test_describe_tree_of_several_data_sets(tmp_path):
    files = ["Celeb-DF-v2/Celeb-real/id0_0000.mp4", "FF/original_sequences/youtube/c23/videos/033.mp4"]
    files += [f"gan/{kind}/{k}.png" for kind in ("0_real", "1_fake") for k in range(2)] + ["notes/1.png"]
    described = describe_tree(Tree(tmp_path, files))
    assert described.layout == "faceforensics++, celeb-df, cnndetection" and described.unplaced == ["notes/1.png"]
    assert [row["label"] for row in described.rows] == ["real"] * 4 + ["fake"] * 2


def test_describe_files_tolerates_strays(tmp_path):
    rows, unplaced = describe_files(tmp_path / "set", ["real/a.jpg", "fake/gan/b.jpg", "notes/c.jpg"])
    assert unplaced == ["notes/c.jpg"]
    assert rows[1] == {"path": "fake/gan/b.jpg", "label": "fake", "source": "set", "generator": "gan", "split": ""}


def test_list_media_sorts_and_skips(tmp_path):
    for name in ("b.jpg", "a.mp4", ".hidden.jpg", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.PNG").touch()
    (tmp_path / "link").symlink_to(tmp_path / "sub")
    files, skipped = list_media(tmp_path)
    assert files == ["a.mp4", "b.jpg", "sub/c.PNG"]
    assert {Path(path).name: reason for path, reason in skipped} == {
        "notes.txt": "is neither an image nor a video by its name",
        "link": "is a link to a folder; links are not followed (option link_roots)",
    }
