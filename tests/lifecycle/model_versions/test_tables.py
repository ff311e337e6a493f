"""Tables of runs by their address."""

from __future__ import annotations

import uuid

import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.tables import read_table


def store(registry, table: pd.DataFrame, key: str = "prepare-data_train") -> str:
    """Log a table as a run does; returns its address."""
    tree, path = uuid.uuid4().hex, registry.folder / f"{uuid.uuid4().hex}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(path)
    body = {"kind": "dataset", "metadata": {"key": key, "tree": tree}, "spec": {"target_path": str(path)}}
    url = f"/api/v2/projects/{registry.name}/artifacts/{key}"
    uid = registry.http.put(url, params={"tree": tree}, json=body).json()["metadata"]["uid"]
    return f"store://datasets/{registry.name}/{key}@{tree}^{uid}"


def test_each_version_is_read_by_its_address(registry):
    one, two = (pd.DataFrame({"path": [name]}) for name in ("a", "b"))
    first, second = store(registry, one), store(registry, two)
    for uri, table in ((first, one), (second, two)):
        pd.testing.assert_frame_equal(read_table(uri, reader=registry.reader, project=registry.name), table)


def test_what_is_gone_or_damaged_is_said(registry):
    uri = store(registry, pd.DataFrame({"path": ["a"]}))
    (path,) = registry.folder.glob("*.parquet")
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match=r"parquet cannot be read"):
        read_table(uri, reader=registry.reader, project=registry.name)
    path.unlink()
    for address in (uri, f"store://datasets/{registry.name}/never"):
        with pytest.raises(InputError, match="is gone from this machine"):
            read_table(address, reader=registry.reader, project=registry.name)
