"""An extraction in buckets in a process of its own, with a cluster of its own: to be killed in the middle.

Arguments: a folder for the files of this machine, and the address of the folder of the crops.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from aletheia.core.buckets.addresses import parse_url
from aletheia.core.buckets.mirror import local_copy
from aletheia.faces import bucket_journal
from aletheia.faces.extraction import extract_faces


def main(work: Path, crops: str) -> None:
    from distributed import Client, LocalCluster

    bucket_journal._SECONDS = 0.0  # each file is noted at once
    manifest = pd.DataFrame({"path": sorted(map(str, local_copy("s3://faces").glob("*.jpg"))), "label": "real"})
    options = {"threads_per_worker": 1, "dashboard_address": None, "local_directory": str(work / "dask")}
    with LocalCluster(n_workers=1, **options) as cluster, Client(cluster) as client:
        extract_faces(manifest, work / "unused", client=client, send_to=parse_url(crops), progress=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
