"""Tables that runs left, read by their address at the tracking server without importing MLRun."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

import pandas as pd

from aletheia.core.buckets.addresses import is_bucket_url, parse_url
from aletheia.core.buckets.mirror import local_copy
from aletheia.core.errors import InputError
from aletheia.datasets.step_tables import fetch_named
from aletheia.tracking.reader import Reader
from aletheia.tracking.resources.artifact_selector import ArtifactSelector


def read_table(uri: str, *, reader: Reader, project: str) -> pd.DataFrame:
    """Read a parquet file that a run logged on this machine or in a bucket.

    Of a table in a bucket ``path`` says where the mirror will have the files, and ``original`` holds their addresses,
    ``s3://…``; none of them is fetched.

    Parameters
    ----------
    uri : str
        ``store://datasets/…``, as in the run's artifacts or inputs.
    reader : Reader
    project : str
        Of an address that names none.

    Raises
    ------
    InputError
        When there is no such artifact, its file is gone, elsewhere or damaged, or the bucket cannot be read.
    """
    wanted = ArtifactSelector.from_uri(uri, project)
    key, tree = (wanted.key, wanted.tree) if wanted else (None, None)
    for item in reader.artifacts(wanted.project if wanted else project, name=key, tree=tree):
        if wanted and wanted.uid in (None, "", item["metadata"]["uid"]):
            target = str(item["spec"].get("target_path") or "")
            if is_bucket_url(target):
                folder = parse_url(target.rpartition("/")[0])
                return fetch_named(_read(local_copy(target)), folder, originals=False, fetch=False)
            path = Path(unquote(urlparse(target).path))
            if path.is_file():
                return _read(path)
    raise InputError(f"The file of {uri} is gone from this machine.")


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read ({' '.join(str(error).split())[:200]}).") from None
