"""``aletheia data …``: generation of data sets, frames of videos, and relatives among faces."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from aletheia.cli import paired
from aletheia.cli.functions import PARAMS_FILE, Params, ParamsFile
from aletheia.core.wording import counted

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
app = typer.Typer(help="Data sets.", no_args_is_help=True)
_SHOWN = 5  # files left out


@app.command("synth")
def synth(
    folder: Annotated[Path, typer.Argument(help="Folder to write to; created if missing.")],
    images: Annotated[int, typer.Option("--images", "-n", min=50, help="Pictures of the main set.")] = 1000,
    pool: Annotated[int, typer.Option(min=1, help="Pictures of the genuine pool to balance with.")] = 300,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Generate the synthetic data set: drawn faces, real and manipulated, with identities, cameras and groups."""
    from aletheia.datasets.synthetic.generate import generate_dataset

    manifest = generate_dataset(folder, n=images, pool=pool, seed=seed)
    print(json.dumps({"manifest": str(manifest)}) if as_json else manifest)


@app.command("pack")
def pack(
    archive: Annotated[Path, typer.Argument(help="The .tar to write.")],
    params: Params = [],  # noqa: B006 -- typer copies it
    params_file: ParamsFile = PARAMS_FILE,
    as_json: AsJson = False,
) -> None:
    """Read a source as the workflow does, and write its tables and pictures into one archive.

    The tables are named source and real_pool, as the options of extract-faces that they are given to.
    """
    from aletheia.datasets.packed import pack_tables
    from aletheia.datasets.pipeline import load_dataset
    from aletheia.project.run_config import RunConfig
    from aletheia.project.step_params import read_params

    config = RunConfig.parse(read_params(params_file, params) if params else {}).check()
    data = load_dataset(config.source, real_pool=config.real_pool, **config.source_options())
    tables = {"source": data.main, "real_pool": data.pool}
    number = pack_tables({name: rows for name, rows in tables.items() if len(rows)}, archive)
    if as_json:
        print(json.dumps({"archive": str(archive), "files": number, "left_out": len(data.skipped)}))
        return
    print(f"{archive}: {counted(number, 'file')}; {len(data.skipped)} left out")


app.command("self-blend")(paired.self_blend)
app.command("part-swap")(paired.part_swap)
app.command("face-swap")(paired.face_swap)
app.command("reconstruct")(paired.reconstruct)


@app.command("frames")
def frames(
    videos: Annotated[Path, typer.Argument(help="Folder of videos, manifest (CSV, parquet) of them, or one video.")],
    out: Annotated[Path, typer.Argument(help="Folder to write to; created if missing.")],
    every: Annotated[int, typer.Option(min=0, help="Take each so many-th frame, the first included.")] = 0,
    count: Annotated[int, typer.Option(min=0, help="Take so many frames of each video, evenly spread.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: the setting ALETHEIA_WORKERS.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write frames of videos as PNG, with a manifest that keeps those of a video together.

    Writes a folder a video, manifest.csv (path, video, frame_index, frame_time in seconds, and what folders, lists and
    names say of label, source, generator, split, identity and pair) and skipped.csv. A call that was interrupted
    continues. Without --every and --count, 16 frames of each video are taken.
    """
    from aletheia.datasets.frames import write_frames

    written = write_frames(videos, out, every=every, count=count or (0 if every else 16), workers=workers or None)
    if as_json:
        print(json.dumps(dataclasses.asdict(written), default=str))
        return
    done = f" ({written.resumed} of them before)" if written.resumed else ""
    print(f"{written.manifest}: {counted(written.frames, 'frame')} of {counted(written.videos, 'video')}{done}")
    for path, reason in written.skipped[:_SHOWN]:
        print(f"left out: {path}: {reason}", file=sys.stderr)
    if written.skipped:
        print(f"{len(written.skipped):,} left out; all of them are in {written.manifest.with_name('skipped.csv')}")
    if not written.labelled:
        print("The labels are not known: add a column label (real, fake) to the manifest to learn from it.")


@app.command("relatives")
def relatives(
    source: Annotated[Path, typer.Argument(help="Folder with real/ and fake/, or a manifest.")],
    out: Annotated[Path, typer.Argument(help="Manifest to write (.csv, .parquet), best in the folder of the source.")],
    manifest: Annotated[Path | None, typer.Option(help="With a folder: a manifest of its files.")] = None,
    distance: Annotated[float, typer.Option(help="Faces closer than this are one person's, 0 to 1.")] = 0.45,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: the setting ALETHEIA_WORKERS.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Find files that show one person by comparing faces, and keep them on one side of the split.

    Writes OUT, the source's manifest with a column relatives, a list of the pairs and a picture of the least certain of
    them, which is worth a look. Train with `aletheia run --source OUT`. Some 0.2 seconds a face on one core; a call
    that was interrupted continues. Needs the extra `relatives`.
    """
    from aletheia.datasets.relatives import propose_relatives

    found = propose_relatives(source, out, manifest=manifest, distance=distance, workers=workers or None)
    if as_json:
        print(json.dumps(found.to_dict()))
        return
    done = f" ({found.resumed:,} of them compared before)" if found.resumed else ""
    news = int(found.pairs["news"].sum())
    print(
        f"{found.manifest}: {counted(found.files, 'file')}{done}, {found.without_face:,} without a face; "
        f"{counted(len(found.pairs), 'pair')} of relatives, {news:,} of which nothing else connects"
    )
    if news:
        print(f"look at {found.manifest.with_name(found.manifest.stem + '-pairs.png')}")
    for note in found.notes:
        print(note, file=sys.stderr)
