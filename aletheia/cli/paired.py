"""Commands of ``aletheia data`` that make fakes of genuine pictures."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aletheia.core.wording import counted

if TYPE_CHECKING:
    from aletheia.datasets.paired.writing import Paired

Source = Annotated[
    Path,
    typer.Argument(
        help="Folder of genuine pictures, whose subfolders name the sources; or a manifest, whose rows labelled real "
        "are taken, with what it knows of identity, video, gender and age."
    ),
]
Out = Annotated[Path, typer.Argument(help="Folder to write to, outside of SOURCE; created if missing.")]
ManifestRoot = Annotated[
    Path | None, typer.Option(help="Folder that the paths of a manifest count from; by default the manifest's own.")
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same bytes.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_SHOWN = 5  # files left out


def self_blend(
    source: Source, out: Out, seed: Seed = 0, manifest_root: ManifestRoot = None, as_json: AsJson = False
) -> None:
    """Make a data set from genuine pictures alone, by adding a self-blended forgery of each.

    The face is blended with a changed version of itself: a detector of seams learns from it, not of strangers' faces.
    Writes real/, fake/, manifest.csv for `aletheia run --source OUT/manifest.csv`, sheet.png to look at, and
    skipped.csv with the pictures left out and why. A call that was interrupted continues.
    """
    from aletheia.datasets.paired.self_blending import blend_folder

    _print(blend_folder(source, out, seed=seed, root=manifest_root), as_json)


def part_swap(
    source: Source, out: Out, seed: Seed = 0, manifest_root: ManifestRoot = None, as_json: AsJson = False
) -> None:
    """Make a data set from genuine pictures alone: beside each a fake with another person's eyes, nose or mouth.

    The donor is the person whose face is nearest in shape, colour and opening of the mouth, of the same gender and age
    where the manifest knows them. The part is moved into place, its colours are matched, and it is pasted with a soft
    edge (alpha) or by its gradients (poisson); parts and methods take turns.

    Writes real/, fake/, mask/ (white where a fake may differ), manifest.csv for `aletheia run --source
    OUT/manifest.csv`, whose column pair names both people, so that a split never separates them; sheet.png, genuine
    picture, donor, mask and fake side by side, worth a look; and skipped.csv with the pictures left out and why. A call
    that was interrupted continues. Some tenth of a second a picture on one core.
    """
    from aletheia.datasets.paired.swapping import swap_parts

    _print(swap_parts(source, out, seed=seed, root=manifest_root), as_json)


def face_swap(
    source: Source, out: Out, seed: Seed = 0, manifest_root: ManifestRoot = None, as_json: AsJson = False
) -> None:
    """Make a data set from genuine pictures alone: beside each a fake with another person's inner face.

    The donor, chosen as by part-swap, is warped onto the picture's 468 landmarks, its colours are matched, and it is
    pasted with a soft edge (alpha) or by its gradients (poisson), in turn.

    Writes what part-swap writes: real/, fake/, mask/, manifest.csv, sheet.png and skipped.csv. A call that was
    interrupted continues. Some fifth of a second a picture on one core.
    """
    from aletheia.datasets.paired.swapping import swap_faces

    _print(swap_faces(source, out, seed=seed, root=manifest_root), as_json)


def reconstruct(
    source: Source,
    out: Out,
    family: Annotated[
        list[str] | None,
        typer.Option(help="Kind of autoencoder: transposed, nearest, shuffle, vae or gan. May come several times."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each network's training, of 8 patches each.")] = 800,
    seed: Seed = 0,
    manifest_root: ManifestRoot = None,
    as_json: AsJson = False,
) -> None:
    """Make a data set from genuine pictures alone: beside each its reconstruction by a small autoencoder.

    The fake shows what the picture shows, but every pixel comes out of an up-sampling layer, as in generated pictures.
    Five kinds take turns, each a generator of its own (reconstruct-transposed, …), so that one can be left out of the
    training to see whether it is recognised nevertheless. Half of the people train the networks for the other half.
    What the networks lose of the finest texture is replaced by noise of the same energy and spectrum, so that sharpness
    tells less; `aletheia audit OUT/manifest.csv` says how much it still tells.

    Writes real/, fake/, networks/, manifest.csv, sheet.png (the third column is the difference, times eight) and
    skipped.csv. A call that was interrupted continues. The training of the ten networks takes some three minutes on
    one core, then a picture of a megapixel a second or two.
    """
    from aletheia.datasets.paired.autoencoders import FAMILIES
    from aletheia.datasets.paired.reconstruction import reconstruct_faces

    _print(
        reconstruct_faces(source, out, families=family or list(FAMILIES), steps=steps, seed=seed, root=manifest_root),
        as_json,
    )


def _print(paired: Paired, as_json: bool) -> None:
    if as_json:
        print(json.dumps(dataclasses.asdict(paired), default=str))
        return
    done = f" ({paired.resumed:,} of them before)" if paired.resumed else ""
    print(
        f"{paired.manifest}: {counted(paired.pairs, 'genuine picture')} and as many forgeries{done}; "
        f"{len(paired.skipped):,} left out"
    )
    for path, reason in paired.skipped[:_SHOWN]:
        print(f"left out: {path}: {reason}", file=sys.stderr)
    if len(paired.skipped) > _SHOWN:
        print(f"all of them are in {paired.manifest.with_name('skipped.csv')}", file=sys.stderr)
    print(f"look at {paired.sheet}")
