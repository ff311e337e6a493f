"""``aletheia models …``: networks, inspection and export of model files; registered models: `model_versions`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aletheia.cli.model_versions import add_to
from aletheia.core.buckets.addresses import is_bucket_url
from aletheia.core.buckets.mirror import local_copy
from aletheia.core.errors import InputError
from aletheia.core.paths import check_is_local
from aletheia.core.wording import counted

app = typer.Typer(no_args_is_help=True, help="Registered models and their versions; networks, and files of models.")
add_to(app)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("architectures")
def list_networks(
    pattern: Annotated[str, typer.Argument(help="Shell pattern, for example 'efficientnet*'.")] = "*",
    as_json: AsJson = False,
) -> None:
    """List the networks that can be trained, with their number of parameters."""
    from aletheia.models.listing import list_entries

    rows = list_entries(pattern)
    if as_json:
        typer.echo(json.dumps([row._asdict() for row in rows], indent=2))
        return
    table = Table("network", "options")
    table.add_column("parameters", justify="right")
    for row in rows:
        options = ", ".join(f"{key}={value}" for key, value in row.options.items())
        table.add_row(row.name, options, f"{row.parameters:,}")
    Console().print(table)


@app.command()
def inspect(
    file: Annotated[
        str,
        typer.Argument(
            help="A model's folder, model.json, .safetensors, .pth, .pt or .ckpt, also s3://…; or a registered model's "
            "tag or URI."
        ),
    ],
    tensors: Annotated[bool, typer.Option("--tensors", help="Also list every tensor.")] = False,
    as_json: AsJson = False,
) -> None:
    """Describe the content of a model file without running any code in it.

    Shows the architecture (as stated, or recognised by its tensors), parameters, element types, the hash of the
    training data, and what else the file states. Safe for files from untrusted sources: only tensors and plain
    containers are unpickled, and sizes are limited. Exit code 2 when the file cannot be trusted or read.
    """
    from aletheia.models.inspect import inspect_model
    from aletheia.release.registry import find_model

    is_file = is_bucket_url(file) or Path(file).exists() or ("." in Path(file).name and "://" not in file)
    report = inspect_model(local_copy(file) if is_file else find_model(file).folder)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2, default=str))
        return
    fields = {
        "file": report.path,
        "kind": report.kind,
        "size": f"{report.bytes:,} bytes",
        "SHA-256": report.sha256,
        "architecture": (report.architecture or "unknown") + (" (recognised by its tensors)" * report.recognised),
        "parameters": "unknown" if report.parameters is None else f"{report.parameters:,}",
        "numbers": f"{report.elements:,} in {counted(len(report.tensors), 'tensor')}",
        "element types": ", ".join(f"{dtype} × {count}" for dtype, count in report.dtypes.items()),
        "training data": report.data_hash or "the file does not say",
        **{
            key.replace("_", " "): _short(value) for key, value in report.details.items() if value not in ("", {}, None)
        },
    }
    console, table = Console(), Table.grid(padding=(0, 2))
    for key, value in fields.items():
        table.add_row(escape(key), escape(str(value)))
    console.print(table)
    if tensors:
        listing = Table("tensor", "shape", "type")
        for tensor in map(dataclasses.asdict, report.tensors):
            listing.add_row(escape(tensor["name"]), " × ".join(map(str, tensor["shape"])) or "scalar", tensor["dtype"])
        console.print(listing)


@app.command("import")
def import_(
    file: Annotated[
        str, typer.Argument(help="Weights: .pth, .pt, .ckpt or .safetensors with a state dict; also s3://….")
    ],
    architecture: Annotated[str, typer.Option(help="Its network, one of `aletheia models architectures`.")],
    output: Annotated[Path, typer.Option(help="Folder for the model; must hold none yet.")],
    input_size: Annotated[int, typer.Option(help="Side of the network's input, pixels.", min=16, max=1024)],
    option: Annotated[list[str], typer.Option(help="Option of the network, as name=value.")] = [],  # noqa: B006
    face_policy: Annotated[str, typer.Option(help="How faces were cut out for it: scale, tight or aligned.")] = "scale",
    face_margin: Annotated[float, typer.Option(help="Margin around the face, a share of its size.")] = 0.2,
    threshold: Annotated[float, typer.Option(help="From this probability on the verdict is fake.", min=0, max=1)] = 0.5,
    as_json: AsJson = False,
) -> None:
    """Make a model of weights that another program trained, without running any code in the file.

    The network has to give one logit that is large for fakes. Only tensors are unpickled, sizes are limited, and names
    and shapes must be those of the architecture. The file does not say how faces were cut out: state it. Scores are not
    calibrated. Then measure what it is worth: `aletheia evaluate FOLDER PICTURES`; `aletheia models export` makes it
    fit for `aletheia predict`.
    """
    from aletheia.faces.crop_config import CropConfig
    from aletheia.models.weights_import import import_weights
    from aletheia.project.option_values import split_pairs

    if is_bucket_url(output):
        raise InputError(f"--output {output}: name a folder of this machine; `aws s3 sync` takes it to the bucket.")
    crop = CropConfig(size=input_size, policy=face_policy, margin=face_margin)
    options = {name: _parsed(value) for name, value in split_pairs(option).items()}
    spec = import_weights(
        local_copy(file), output, architecture, options=options, input_size=input_size, crop=crop, threshold=threshold
    )
    if as_json:
        typer.echo(json.dumps({"model": str(output), "spec": spec.model_dump(mode="json")}, indent=2))
        return
    typer.echo(f"{output} holds {architecture} with these weights. Next: aletheia evaluate {output} PICTURES")


def _parsed(value: Any) -> Any:
    """Read a number or a truth value; another text stays as it is."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="A model's folder with model.safetensors and model.json.")],
    faces: Annotated[Path, typer.Option(help="Folder of pictures with faces, on which ONNX is compared with torch.")],
    int8: Annotated[bool, typer.Option("--int8", help="Also add model.int8.onnx, and measure its cost.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add model.onnx, which `aletheia predict` and the servers run, and explain.onnx to a model, as training does.

    The exported network is compared with torch on up to 64 faces of the folder, and refused when any probability
    differs by more than 1e-4. The faster engine on this machine is noted in model.json, and so is the cost of bf16
    (where the processor has it) and int8: `aletheia predict --precision` offers those that were measured. The service
    uses explain.onnx to show which parts of a picture the network looked at.
    """
    import numpy as np

    from aletheia.datasets.layouts import list_media
    from aletheia.faces.detectors.registry import create_detector
    from aletheia.imaging.reading import read_image
    from aletheia.models.onnx_export import export_onnx
    from aletheia.models.preprocessing import network_input
    from aletheia.models.reduced_precision import add_int8
    from aletheia.models.spec import read_spec

    check_is_local(model)  # the network is written beside the weights
    spec, crops = read_spec(model), []
    detector = create_detector(spec.crop.detector, spec.crop.threshold)
    for path in list_media(faces)[0][:64]:
        with contextlib.suppress(InputError):  # unreadable pictures are left out
            picture = read_image(faces / path)
            for face in detector.detect(picture)[:1]:
                crops.append(network_input(picture, face, spec))
    if not crops:
        raise InputError(f"There is no readable picture of a face in {faces}; the comparison needs at least one.")
    spec = export_onnx(model, np.stack(crops))
    if int8:
        spec = add_int8(model, np.stack(crops))
    onnx = spec.onnx
    if onnx is None:
        raise RuntimeError(f"The export of {model} left no entry about ONNX in model.json.")
    if as_json:
        typer.echo(json.dumps({"model": str(model), "onnx": onnx.model_dump(mode="json")}, indent=2))
        return
    times = ", ".join(f"{engine} {time:.1f} ms" for engine, time in onnx.milliseconds.items())
    typer.echo(
        f"{model / 'model.onnx'}: differs from torch by at most {onnx.max_difference:.1g} on "
        f"{counted(onnx.crops, 'face')}."
    )
    typer.echo(f"One face on one thread: {times}; {onnx.engine} will be used.")
    for precision, cost in onnx.reduced.items():
        typer.echo(
            f"{precision}: {cost.speedup:.2f} times as fast; differs from fp32 by at most {cost.max_difference:.2g}, "
            f"changes {cost.flip_rate:.1%} of {cost.faces} verdicts."
        )


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_short(part)}" for key, part in value.items())
    if isinstance(value, list) and len(value) > 8:
        return f"{len(value)} values"
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:500]
