"""``aletheia data …``: generation of data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Data sets.", no_args_is_help=True)


@app.command("synth")
def synth(
    folder: Annotated[Path, typer.Argument(help="Folder to write to; created if missing.")],
    images: Annotated[int, typer.Option("--images", "-n", min=50, help="Pictures of the main set.")] = 1000,
    pool: Annotated[int, typer.Option(min=1, help="Pictures of the genuine pool to balance with.")] = 300,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
) -> None:
    """Generate the synthetic data set: drawn faces, real and manipulated, with identities, cameras and groups."""
    from aletheia.datasets.synthetic.generate import generate_dataset

    print(generate_dataset(folder, n=images, pool=pool, seed=seed))


@app.command("self-blend")
def self_blend(
    folder: Annotated[Path, typer.Argument(help="Folder of genuine pictures; its subfolders name the sources.")],
    out: Annotated[Path, typer.Argument(help="Folder to write to; created if missing.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same forgeries.")] = 0,
) -> None:
    """Make a data set from genuine pictures alone, by adding a self-blended forgery of each.

    Writes real/, fake/ and manifest.csv, for training by `aletheia run --source OUT/manifest.csv`. Pictures without a
    usable face are listed in skipped.csv.
    """
    from aletheia.datasets.self_blending import blend_folder

    blended = blend_folder(folder, out, seed=seed)
    print(
        f"{blended.manifest}: {blended.pairs} genuine pictures and as many forgeries; {len(blended.skipped)} left out"
    )
