"""Relatives: close pairs against the plain computation, one person under two names, resuming, and real people."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.spatial.distance import pdist
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.core.errors import InputError
from aletheia.datasets import relatives
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.ingest import load_source
from aletheia.datasets.leakage import check_leakage
from aletheia.datasets.manifest import read_manifest
from aletheia.datasets.split import split_manifest


def test_close_pairs_scipy():
    vectors = np.random.default_rng(0).normal(size=(90, 6)).astype(np.float32)
    vectors[7] = vectors[50]
    first, second, distances = relatives.close_pairs(vectors, 1.5)
    truth = pdist(vectors.astype(float))
    near = np.argwhere(np.triu(np.ones((90, 90)), 1))[truth < 1.5]
    assert len(first) == len(near) > 20 and (np.diff(distances) >= 0).all()
    assert set(zip(first, second, strict=True)) == {tuple(pair) for pair in near}
    np.testing.assert_allclose(distances, np.sort(truth[truth < 1.5]), atol=1e-3)
    assert (first[0], second[0]) == (7, 50)


def write(root, images):
    """Write pictures alternately as genuine and fake; each is a person of its own name."""
    rows = []
    for i, image in enumerate(images):
        path = root / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        rows.append({"path": path.name, "label": ("real", "fake")[i % 2], "identity": f"p{i}"})
    pd.DataFrame(rows).to_csv(root / "manifest.csv", index=False)
    return root / "manifest.csv"


def shifted(image):
    """Another shot of the same face: brighter, nearer and cut otherwise, so that no hash connects them."""
    bright = np.clip(image[20:, 20:].astype(float) * 1.2, 0, 255).astype(np.uint8)
    return cv2.copyMakeBorder(cv2.resize(bright, (300, 300)), 0, 60, 90, 0, cv2.BORDER_CONSTANT)


def test_propose_relatives_two_names(portraits, tmp_path):
    pytest.importorskip("dlib")
    source = write(tmp_path, [portraits[0][0], shifted(portraits[0][0]), np.full((200, 200, 3), 90, np.uint8)])
    found = relatives.propose_relatives(source, tmp_path / "kin.parquet", progress=False)
    assert (found.files, found.without_face, found.resumed) == (3, 1, 0)
    assert found.pairs[["first", "second", "news"]].values.tolist() == [
        [str(tmp_path / "0.png"), str(tmp_path / "1.png"), True]
    ]
    assert (tmp_path / "kin-pairs.png").stat().st_size > 1000
    table = load_source(found.manifest, progress=False).manifest
    names = table["relatives"].tolist()
    assert names[0] == names[1] != "" and names[2] == ""
    group = connected_groups(table)
    assert group[0] == group[1] != group[2]
    leaks = check_leakage(table.assign(split=["train", "test", "val"]))
    assert leaks["kind"].tolist() == ["relatives"]
    again = relatives.propose_relatives(source, tmp_path / "kin.parquet", progress=False)
    assert again.resumed == 3 and again.pairs.equals(found.pairs)


def test_propose_relatives_interrupted_journal(portraits, tmp_path):
    pytest.importorskip("dlib")
    source = write(tmp_path, [portraits[0][0], portraits[1][0]])
    relatives.propose_relatives(source, tmp_path / "kin.csv", progress=False)
    journal = tmp_path / ".kin-faces.jsonl"
    journal.write_text(journal.read_text()[:-200])
    again = relatives.propose_relatives(source, tmp_path / "kin.csv", progress=False)
    assert again.resumed == 1 and again.without_face == 0


@pytest.mark.parametrize(
    ("name", "distance", "words"), [("kin.txt", 0.4, "csv or a .parquet"), ("k.csv", 0, "above 0")]
)
def test_propose_relatives_refusals(tmp_path, name, distance, words):
    with pytest.raises(InputError, match=words):
        relatives.propose_relatives(tmp_path, tmp_path / name, distance=distance)


@pytest.mark.slow
def test_networks_are_loaded_by_workers_alone(tmp_path):
    pytest.importorskip("dlib")
    write(tmp_path, [np.full((200, 200, 3), 20 * i, np.uint8) for i in range(8)])
    code = (
        "import sys\n"
        "from aletheia.core.errors import InputError\n"
        "from aletheia.datasets.relatives import propose_relatives\n"
        "if __name__ == '__main__':\n"
        "    try:\n"
        "        propose_relatives(sys.argv[1], sys.argv[2], workers=2, progress=False)\n"
        "    except InputError as error:\n"
        "        print(error, 'dlib' in sys.modules)\n"
    )
    (tmp_path / "main.py").write_text(code)
    command = [sys.executable, str(tmp_path / "main.py"), str(tmp_path / "manifest.csv"), str(tmp_path / "kin.csv")]
    environment = os.environ | {"PYTHONPATH": str(Path(relatives.__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert "no face was found in 8 files. False" in done.stdout, done.stderr[-2000:]


@pytest.mark.slow
def test_relatives_real_people(shared_data, tmp_path):
    """Film actors under two names each are found; grey press photographs of other people are not."""
    pytest.importorskip("dlib")
    listing = shared_data / "more" / "manifest.csv"
    if not listing.is_file():
        pytest.skip(f"no further photographs at {listing.parent}")
    known = pd.read_csv(listing, dtype=str, keep_default_na=False)
    films = known[known["source"] == "imfdb"].groupby("identity").head(8).reset_index(drop=True)
    press = known[known["source"] == "lfw-grey"].head(20)
    both = pd.concat([films, press], ignore_index=True)
    half = both.groupby("identity").cumcount() % 2
    rows = both.assign(
        person=both["identity"], identity=[f"{i}-{h}" for i, h in zip(both["identity"], half, strict=True)]
    )
    rows.loc[rows["source"] == "lfw-grey", "identity"] = [f"press-{i}" for i in range(len(press))]
    rows["label"] = np.where(np.arange(len(rows)) % 2, "real", "fake")
    for path in rows["path"]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shared_data / path, tmp_path / path)
    rows[["path", "label", "source", "identity", "person"]].to_csv(tmp_path / "manifest.csv", index=False)
    result = CliRunner().invoke(app, ["data", "relatives", str(tmp_path / "manifest.csv"), str(tmp_path / "kin.csv")])
    assert result.exit_code == 0, result.output[-2000:]
    table = read_manifest(tmp_path / "kin.csv")
    pairs = pd.read_csv(tmp_path / "kin-pairs.csv")
    person = dict(zip(table["path"], table["person"], strict=True))
    source = dict(zip(table["path"], table["source"], strict=True))
    wrong = [
        p for p in pairs.itertuples() if source[p.first] != source[p.second] or person[p.first] != person[p.second]
    ]
    assert len(pairs) >= 20 and len(wrong) <= 1
    film = table[table["source"] == "imfdb"]
    group = pd.Series(connected_groups(film), index=film.index)
    joined = [group[rows.index].nunique() < rows["identity"].nunique() for _, rows in film.groupby("person")]
    assert np.mean(joined) >= 0.75
    split = split_manifest(table, seed=0)
    assert check_leakage(split).empty
