"""Reading and writing manifests: paths, formats, hostile files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.balance import balance_training
from aletheia.datasets.bias import analyse_bias
from aletheia.datasets.leakage import check_leakage
from aletheia.datasets.manifest import read_manifest, validate_manifest, write_manifest
from aletheia.datasets.split import split_manifest


def small(n: int = 6) -> pd.DataFrame:
    labels = ["real", "fake"] * (n // 2)
    return pd.DataFrame({"path": [f"/data/set/{label}/{i}.jpg" for i, label in enumerate(labels)], "label": labels})


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_write_manifest_round_trip(tmp_path: Path, suffix: str) -> None:
    here, there = tmp_path / "a", tmp_path / "b"
    df = small().assign(
        path=[f'{here}/x{i}, "y".jpg' for i in range(6)], phash=np.arange(2**63, 2**63 + 6, dtype=np.uint64)
    )
    df["identity"] = ["007", "8", "", "1e5", "Nan Goldin", "null-1"]
    df["jpeg_quality"] = [90, 91.5, np.nan, 1, 100, 50]
    written = write_manifest(df, here / f"m{suffix}")
    read = read_manifest(written)
    pd.testing.assert_frame_equal(read, validate_manifest(df))
    there.mkdir()
    moved = written.rename(there / written.name)
    assert read_manifest(moved)["path"].iloc[0] == f'{there}/x0, "y".jpg'
    assert [p.name for p in here.iterdir()] == []


def test_read_manifest_absolute_paths(tmp_path: Path) -> None:
    df = small().assign(path=[f"/elsewhere/{i}.jpg" for i in range(5)] + ["s3://bucket/6.jpg"])
    written = write_manifest(df, tmp_path / "m.parquet")
    with pytest.raises(InputError, match="leads out of the manifest's folder in rows 1"):
        read_manifest(written)
    assert read_manifest(written, allow_absolute=True)["path"].tolist() == df["path"].tolist()


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "/etc/passwd", "a/../../b.jpg", "file:///etc/passwd", "C:/x.jpg", "~/x", "..", "http://h/x"],
)
def test_read_manifest_refuses_paths_out_of_its_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "m.csv").write_text(f"path,label\ngood.jpg,real\n{path},fake\n")
    with pytest.raises(InputError, match="leads out of the manifest's folder in row 2"):
        read_manifest(tmp_path / "m.csv")


def test_read_manifest_normalises_dots(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label\n./a..b/c.jpg,real\nd//e.jpg,fake\n...jpg,fake\n")
    assert read_manifest(tmp_path / "m.csv")["path"].tolist() == [
        f"{tmp_path}/{p}" for p in ("a..b/c.jpg", "d/e.jpg", "...jpg")
    ]


def test_write_manifest_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_manifest(small(), tmp_path / "m.parquet")
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(InputError, match="No space left"):
        write_manifest(small(8), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.parquet"]


def _same(first: pd.DataFrame, second: pd.DataFrame) -> None:
    assert first.columns.tolist() == second.columns.tolist()
    for name in first.columns:
        a, b = (df[name].astype(object).fillna(-1).tolist() for df in (first, second))
        assert a == b, name


def _write_sets(make_manifest: Callable[..., pd.DataFrame], folder: Path) -> None:
    """Write a manifest and a pool that share people and pictures; one column has more than 1,000 values."""
    main = make_manifest(3000, people=900)
    main["source"] = [f"s{i * 7919 % 1201}" for i in range(3000)]
    main["identity"] = main["identity"].where(main.index % 3 > 0, "")
    main.loc[:80, "phash"] = main["phash"].iloc[1000:1081].to_numpy() ^ np.uint64(6)
    pool = make_manifest(800, seed=1, fakes=0.0, people=100).assign(video="v1")
    pool["identity"] = [*main["identity"].iloc[:100], *pool["identity"].iloc[100:]]
    pool.loc[200:300, "phash"] = main["phash"].iloc[200:301].to_numpy() ^ np.uint64(1)
    for name, df in (("main", main.drop(columns="gender")), ("pool", pool)):
        write_manifest(df.assign(path=[f"{folder}{path}" for path in df["path"]]), folder / f"{name}.parquet")


@pytest.mark.parametrize("policy", ["matched", "per-source", "count"])
def test_read_manifest_compact_gives_the_same_results(tmp_path: Path, make_manifest, policy: str) -> None:
    _write_sets(make_manifest, tmp_path)
    outcomes = []
    for compact in (False, True):
        df, pool = (read_manifest(tmp_path / f"{name}.parquet", compact=compact) for name in ("main", "pool"))
        if policy == "per-source":
            pool["source"] = df["source"].iloc[:800]
        assert isinstance(df["video"].dtype, pd.CategoricalDtype) == compact and df["path"].dtype == object
        out = split_manifest(df, seed=2)
        balanced = balance_training(out[out["split"] == "train"], pool, policy, exclude_rows=out)
        bias, leaks = analyse_bias(balanced.train), check_leakage(out.assign(split=out["split"].to_numpy()[::-1]))
        assert isinstance(balanced.train["pool"].dtype, pd.CategoricalDtype) == compact
        assert balanced.report.drawn > 0 and balanced.report.excluded and len(leaks)
        report = pd.DataFrame([vars(balanced.report)])
        outcomes.append((out, balanced.train, bias.rates, bias.associations, leaks, report))
        write_manifest(balanced.train, tmp_path / f"{compact}.parquet")
    for plain, coded in zip(*outcomes, strict=True):
        _same(plain, coded)
    _same(*(read_manifest(tmp_path / f"{compact}.parquet") for compact in (False, True)))


def test_read_manifest_compact_csv(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label,Person,gender\na.jpg,REAL,ann,F\nb.jpg,fake,unknown,\n")
    plain, coded = (read_manifest(tmp_path / "m.csv", compact=compact) for compact in (False, True))
    _same(plain, coded)
    assert coded.attrs["notes"] == plain.attrs["notes"] and coded["identity"].tolist() == ["ann", ""]


@pytest.mark.parametrize("values", [["a", None], [1.0, 2.0]])
def test_validate_manifest_compact_makes_texts_of_any_categories(values: list[object]) -> None:
    df = small(2).assign(age=pd.Categorical(values))
    full = validate_manifest(df, compact=True)
    assert full["age"].tolist() == validate_manifest(df)["age"].tolist()
    assert full["age"].cat.categories.map(type).unique().tolist() == [str]
