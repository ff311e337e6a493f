"""Answering for pictures: this project against benchmarks/reference.py, side by side, medians of seven.

Both run in processes of their own and take turns on the same pictures with the same network and weights
(EfficientNetAutoAttB4, 224 pixels; the weights are random, which costs the same time). End to end is judged in bf16
where the processor has it, and printed in fp32, too. The pictures are those in
ALETHEIA_SHARED_DATA (or ../shared/data) when there are any, else drawn ones.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aletheia.models.spec import read_spec

#: At least so many times the reference's speed (end to end, start, two clients against one), and at most this memory.
LIMITS = {"end to end": 2.5, "start to first answer": 8.0, "two clients": 1.5, "memory": 0.6}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--pictures", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = find_pictures(options.pictures, Path(folder))
        bundle = make_bundle(Path(folder) / "model", pictures)
        _first("ours", bundle, pictures)  # prepares the networks for this machine, once
        start_times = [
            tuple(_first(name, bundle, pictures) for name in ("reference", "ours")) for _ in range(options.repeats)
        ]
        names = ["reference", "ours", "ours-two"]
        # What bf16 costs in probabilities stands in the JSON of each model; this network's weights are random.
        names += ["ours-bf16"] * ("bf16" in read_spec(bundle).onnx.reduced)
        workers = {name: Worker(name, bundle, pictures) for name in names}
        for worker in workers.values():
            worker.ask()  # once for nothing
        times = [{name: worker.ask() for name, worker in workers.items()} for _ in range(options.repeats)]
        memory = {name: worker.close() for name, worker in workers.items()}
    count = len(pictures)
    # As fast as this machine can: bf16 where the processor has it, which a user asks for by --precision bf16.
    fastest = names[-1] if names[-1] == "ours-bf16" else "ours"
    ratios = {
        "end to end in fp32": [t["reference"] / t["ours"] for t in times],
        "end to end": [t["reference"] / t[fastest] for t in times],
        "start to first answer": [reference / ours for reference, ours in start_times],
        "two clients": [t["reference"] / t["ours-two"] for t in times],
    }
    for name in names:
        middle = statistics.median(t[name] for t in times) / count * 1000
        print(f"{name}: {middle:.0f} ms an image, {memory[name]:.0f} MB")
    for index, name in enumerate(("reference", "ours")):
        print(f"{name}: {statistics.median(pair[index] for pair in start_times):.2f} s from start to first answer")
    missed = 0
    for name, values in ratios.items():
        ratio = statistics.median(values)
        limit = f", limit {LIMITS[name]}" if name in LIMITS else ""
        print(f"{name}: {ratio:.2f} times as fast ({min(values):.2f} to {max(values):.2f}){limit}")
        missed += ratio < LIMITS.get(name, 0)
    share = memory[fastest] / memory["reference"]
    print(f"memory: {share:.2f} of the reference's, limit {LIMITS['memory']}")
    return int(missed > 0 or share > LIMITS["memory"])


def find_pictures(count: int, folder: Path) -> list[str]:
    """Files with faces, evenly spread over the real ones at hand, or drawn."""
    shared = Path(os.environ.get("ALETHEIA_SHARED_DATA", "../shared/data")) / "faces"
    if not shared.is_dir():
        from aletheia.datasets.synthetic.generate import generate_dataset

        generate_dataset(folder / "drawn", n=50, pool=1, progress=False)
        shared = folder / "drawn"
    files = sorted(str(path.resolve()) for path in shared.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    return files[:: max(len(files) // count, 1)][:count]


def make_bundle(folder: Path, pictures: list[str]) -> Path:
    """EfficientNetAutoAttB4 with random weights, and batch-norm statistics that let a picture through."""
    import numpy as np
    import torch

    from aletheia.faces.crop_config import CropConfig
    from aletheia.imaging.reading import read_image
    from aletheia.imaging.transforms import normalise, resize_rgb
    from aletheia.models.bundle import save_bundle
    from aletheia.models.onnx_export import export_onnx
    from aletheia.models.registry import create_model
    from aletheia.models.spec import ModelSpec
    from aletheia.training.batch_norm import measure_batch_norm

    torch.manual_seed(0)
    model = create_model("efficientnet_autoatt_b4")
    crops = np.stack([resize_rgb(read_image(path), 224) for path in pictures])
    spec = ModelSpec(architecture="efficientnet_autoatt_b4", input_size=224, crop=CropConfig(size=224))
    measure_batch_norm(model, [normalise(torch.from_numpy(crops), spec.mean, spec.std)])
    save_bundle(folder, model, spec)
    export_onnx(folder, crops)
    return folder


class Worker:
    """A process that answers for all pictures each time it is asked."""

    def __init__(self, name: str, bundle: Path, pictures: list[str]) -> None:
        command = [sys.executable, "-m", "benchmarks.inference_worker", name, str(bundle), *pictures]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.first = json.loads(self.process.stdout.readline())

    def ask(self) -> float:
        """Seconds for all pictures."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["seconds"]

    def close(self) -> float:
        """End it; peak resident memory in MB."""
        self.process.stdin.close()
        peak = json.loads(self.process.stdout.readline())["mb"]
        self.process.wait()
        return peak


def _first(name: str, bundle: Path, pictures: list[str]) -> float:
    started = time.perf_counter()
    worker = Worker(name, bundle, pictures[:1])
    seconds = time.perf_counter() - started
    worker.close()
    return seconds


if __name__ == "__main__":
    sys.exit(main())
