"""Run every benchmark in a process of its own; exit with 1 when one is above its limits.

`python -m benchmarks` runs all, `python -m benchmarks overhead demo` those named.
"""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = {
    "tracking": "The tracking service",
    "intervals": "How often intervals hold the truth",
    "bias_level": "How often bias is found where there is none",
    "promise": "How often the check of the abstention refuses",
    "gate": "What the gate lets pass",
    "audit": "What the gate makes of planted shortcuts",
    "manifest_million": "Bias analysis, split and balancing of a million rows",
    "overhead": "What MLRun and tracking cost",
    "extraction": "Finding faces in real pictures and videos",
    "training": "Training and its loader against published recipes",
    "inference": "Answering for pictures against the published recipe",
    "serving": "Answering over HTTP against the published recipe behind Flask",
    "monitoring": "What the prediction log costs, and when `aletheia monitor` alarms",
    "demo": "The whole workflow on the embedded data set",
}


def main() -> int:
    names = sys.argv[1:] or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        print(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 2
    missed = []
    for name in names:
        print(f"\n== {BENCHMARKS[name]} (python -m benchmarks.{name})", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            missed.append(name)
    print(f"\nOutside of the limits: {', '.join(missed)}" if missed else "\nAll within the limits.")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
