"""Cost of MLRun and tracking: one training called directly against the same through the function `train`.

Both write the model bundle; the run through MLRun also logs curves, results and the model. Pairs in turn, medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time

from benchmarks.checkout import fresh_checkout

LIMIT = 1.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    with fresh_checkout() as (folder, environment):
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        from aletheia.project.workspace import open_project
        from aletheia.training.config import TrainConfig
        from aletheia.training.export import export_bundle
        from aletheia.training.fit import fit_network

        project = open_project(folder)
        import mlrun

        faces = project.run_function("extract-faces", params={"n_synthetic": options.images}, local=True)
        inputs = {name: faces.outputs[name] for name in ("faces", "pool", "skipped")}
        prepared = project.run_function("prepare-data", inputs=inputs, local=True)
        uris = {part: prepared.outputs[part] for part in ("train", "val")}
        params = {"learning_rate": 2e-3, "batch_size": 16, "epochs": options.epochs}
        params["recipe"] = {"patience": options.epochs}

        def direct() -> float:
            started = time.perf_counter()
            frames = {part: mlrun.get_dataitem(uri).as_df() for part, uri in uris.items()}
            config = TrainConfig(
                learning_rate=2e-3, batch_size=16, image_size=96, max_epochs=options.epochs, patience=options.epochs
            )
            with tempfile.TemporaryDirectory() as target:
                parts = frames["train"], frames["val"]
                export_bundle(fit_network(config, *parts), *parts, folder=target)
            return time.perf_counter() - started

        def tracked() -> float:
            started = time.perf_counter()
            project.run_function("train", params=params, inputs=uris, local=True)
            return time.perf_counter() - started

        direct(), tracked()  # not counted: imports, and the decoded images that later trainings share
        pairs = [(direct(), tracked()) for _ in range(options.pairs)]
    ratios = [with_mlrun / without for without, with_mlrun in pairs]
    ratio = statistics.median(ratios)
    print(f"direct               {statistics.median(p[0] for p in pairs):6.2f} s")
    print(f"through MLRun        {statistics.median(p[1] for p in pairs):6.2f} s")
    spread = f"median of {len(pairs)}, {min(ratios):.3f} to {max(ratios):.3f}"
    print(f"ratio                {ratio:6.3f}         ({spread}; limit {LIMIT})")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
