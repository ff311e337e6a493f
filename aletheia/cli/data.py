"""``aletheia data …``: data sets made here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Data sets.", no_args_is_help=True)


@app.command("synth")
def synth(
    folder: Annotated[Path, typer.Argument(help="Where to write; made if missing.")],
    images: Annotated[int, typer.Option("--images", "-n", min=50, help="Pictures of the main set.")] = 1000,
    pool: Annotated[int, typer.Option(min=0, help="Pictures of the genuine pool to balance with.")] = 300,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
) -> None:
    """Generate the embedded data set: drawn faces, real and manipulated, of known people, cameras and groups."""
    from aletheia.datasets.synthetic.generate import generate_dataset

    print(generate_dataset(folder, n=images, pool=pool, seed=seed))


@app.command("self-blend")
def self_blend(
    folder: Annotated[Path, typer.Argument(help="Genuine pictures; folders inside of it name the sources.")],
    out: Annotated[Path, typer.Argument(help="Where to write; made if missing.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same forgeries.")] = 0,
) -> None:
    """Make a data set out of genuine pictures alone: each beside a self-blended forgery of itself.

    Writes real/, fake/ and manifest.csv, which `aletheia run --source OUT/manifest.csv` learns from. Pictures without a
    usable face are listed in skipped.csv.
    """
    from aletheia.datasets.self_blending import blend_folder

    done = blend_folder(folder, out, seed=seed)
    print(f"{done.manifest}: {done.pairs} genuine pictures and as many forgeries; {len(done.skipped)} left out")
