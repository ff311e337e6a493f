"""Delivery curves: a model's verdicts on the same faces after compression, scaling and other corruptions."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from torch import nn

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.progress import tqdm
from aletheia.core.settings import get_settings
from aletheia.core.wording import counted
from aletheia.datasets.labels import fake_flags
from aletheia.imaging.corruptions import CORRUPTIONS, Corruption
from aletheia.imaging.reading import Unreadable, try_read_image
from aletheia.imaging.transforms import resize_rgb
from aletheia.models.onnx_network import NonFiniteError, OnnxNetwork
from aletheia.models.scoring import predict_crops
from aletheia.models.spec import ModelSpec
from aletheia.plotting.theme import NEUTRAL, SECOND, empty, note, shaded, short, styled, wrapped
from aletheia.stats.bootstrap import unit_ids
from aletheia.stats.clustered_auc import clustered_auc
from aletheia.stats.intervals import clustered_rate

COLUMNS = (
    "operation", "severity", "unit", "n", "auc", "auc_low", "auc_high",
    "flipped", "flipped_low", "flipped_high", "to_fake", "to_real",
)  # fmt: skip
#: Faces at a time, each held in all its versions; fewer when that would take more memory than this.
_CHUNK = 64
_CHUNK_BYTES = 200_000_000


def delivery_curves(
    network: nn.Module,
    spec: ModelSpec,
    frame: pd.DataFrame,
    groups: Array | None = None,
    *,
    operations: Sequence[str | Corruption] | None = None,
    max_faces: int = 2000,
    seed: int = 0,
    exported: OnnxNetwork | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Score faces as they are and after each corruption.

    Each operation works on the crop as stored in its file; then the crop is resized to the network's input, as
    always. Nothing is written.

    Parameters
    ----------
    network, spec
        Of `aletheia.models.bundle.load_bundle`.
    frame : DataFrame
        A manifest of face crops.
    groups : ndarray, optional
        (n,) identity or video of each row, the unit of the intervals; '' stands for unknown. None: each row on its
        own.
    operations : sequence, optional
        Keys of `aletheia.imaging.corruptions.CORRUPTIONS`, or operations themselves; by default all of them.
    max_faces : int
        Of more faces, groups are drawn at random up to this number, in both classes.
    seed : int
        Of that draw, and of random operations.
    exported : OnnxNetwork, optional
        The same network as it is deployed (`deployed_network`), which scores in its place: on a processor it takes a
        third of the time, and its export was refused if it differed from `network`.
    progress : bool
        Show a progress bar.

    Returns
    -------
    DataFrame
        operation, severity (0: as delivered, the first row of each operation), unit, n (faces), auc, auc_low,
        auc_high (95 %, over groups, see `aletheia.stats.clustered_auc`), flipped (share of verdicts
        that differ from those on the faces as they are), flipped_low, flipped_high (see `clustered_rate`), to_fake
        (share of real faces newly called fake), to_real (share of fakes newly called real); NaN where a class is
        missing. Its ``attrs`` hold faces (chosen), of (rows there are), unreadable (chosen ones that
        are in no number), skipped (their path and reason), and note, the same as a text.

    Raises
    ------
    InputError
        No rows, wrong labels, groups of another length, an unknown operation, or no face that can be scored.
    """
    chosen = _resolve_operations(operations)
    fake = fake_flags(frame)
    if groups is not None and len(groups) != len(frame):
        raise InputError(f"There are {len(groups)} groups for {len(frame)} rows; each row needs one.")
    ids = unit_ids(groups, len(frame))
    rows = _subsample(ids, fake, max_faces, seed)
    steps = [(operation, severity) for operation in chosen for severity in operation.severities]
    paths = frame["path"].astype(str).to_numpy()[rows].tolist()
    p, skipped = score_deliveries(network, spec, paths, steps, seed, exported=exported, progress=progress)
    is_scored = ~np.isnan(p).any(axis=0)
    if not is_scored.any():
        raise InputError(f"None of the {len(rows)} faces could be scored. Check the paths in the manifest.")
    y, ids = fake[rows[is_scored]], ids[rows[is_scored]]
    p = p[:, is_scored]
    called = p >= spec.threshold
    numbers = [_summary(y, p[i], ids, called[i], called[0]) for i in range(len(p))]
    table, changed = [], iter(numbers[1:])
    for operation in chosen:
        common = {"operation": operation.key, "unit": operation.unit}
        # Compared with themselves, verdicts are the same by definition: nothing was sampled.
        table.append({**common, "severity": 0.0, **numbers[0], "flipped_low": 0.0, "flipped_high": 0.0})
        table += [{**common, "severity": float(severity), **next(changed)} for severity in operation.severities]
    curves = pd.DataFrame(table, columns=list(COLUMNS))
    curves.attrs = _origin(len(rows), len(frame), int((~is_scored).sum()), skipped, seed)
    return curves


def score_deliveries(
    network: nn.Module,
    spec: ModelSpec,
    paths: Sequence[str],
    steps: Sequence[tuple[Corruption, float]],
    seed: int = 0,
    *,
    exported: OnnxNetwork | None = None,
    progress: bool = True,
) -> tuple[Array, list[dict[str, str]]]:
    """Predict the probabilities of face crops as they are, and after each step alone.

    Parameters
    ----------
    network, spec, seed, exported, progress
        As in `delivery_curves`.
    paths : sequence of str
        (n,) image files.
    steps : sequence
        Operations with their severities.

    Returns
    -------
    tuple
        (1 + steps, n) float64, the first row as delivered, NaN where a file could not be read; and these files, as
        dictionaries of path and reason.
    """

    def versions(path: str) -> Array | Unreadable:
        crop = try_read_image(path)
        if isinstance(crop, Unreadable):
            return crop
        changed = (operation(crop, severity, seed) for operation, severity in steps)
        return np.stack([resize_rgb(version, spec.input_size) for version in (crop, *changed)])

    def score(inputs: Array) -> Array:
        if exported is not None:
            # Where the deployed network refuses to answer, torch's says for which faces.
            with contextlib.suppress(NonFiniteError):
                return spec.calibration.probabilities(exported.logits(inputs))
        return predict_crops(network, spec, inputs)

    # float64, as in every other comparison with the threshold.
    p = np.full((1 + len(steps), len(paths)), np.nan, dtype=np.float64)
    skipped = []
    chunk = max(1, min(_CHUNK, _CHUNK_BYTES // (3 * len(p) * spec.input_size**2)))
    with (
        ThreadPoolExecutor(get_settings().workers) as pool,
        tqdm(total=len(paths), desc="Delivering", unit="face", disable=not progress) as bar,
    ):
        for start in range(0, len(paths), chunk):
            part = paths[start : start + chunk]
            crops: dict[int, Array] = {}
            for i, result in enumerate(pool.map(versions, part), start):
                if isinstance(result, Unreadable):
                    skipped.append({"path": paths[i], "reason": result.reason})
                else:
                    crops[i] = result
            inputs = [np.stack([crop[step] for crop in crops.values()]) for step in range(len(p) if crops else 0)]
            # torch spreads one call over all cores, the exported network one call over one.
            for step, values in enumerate((pool.map if exported else map)(score, inputs)):
                p[step, list(crops)] = values
            bar.update(len(part))
    return p, skipped


def deployed_network(model: str | Path, spec: ModelSpec, network: nn.Module) -> OnnxNetwork | None:
    """Open the exported network of a bundle, one core for a call; None without one, and for a network on a GPU."""
    if spec.onnx is None or next(network.parameters()).device.type != "cpu":
        return None
    folder = Path(model)
    return OnnxNetwork(folder if folder.is_dir() else folder.parent, spec, engine="openvino", threads=1)


def delivery_figure(curves: pd.DataFrame) -> go.Figure:
    """Draw a panel for each operation of `delivery_curves`: AUC and flipped verdicts with their intervals."""
    title = "The same faces, delivered differently"
    if not len(curves):
        return empty(title, "No operation was chosen.")
    parts = list(curves.groupby("operation", sort=False))
    names = [short(CORRUPTIONS[key].name if key in CORRUPTIONS else key) for key, _ in parts]
    columns = min(3, len(parts))
    lines = ceil(len(parts) / columns)
    figure = make_subplots(lines, columns, subplot_titles=names, vertical_spacing=0.3 / lines, horizontal_spacing=0.07)
    styled(figure, title, height=200 + 310 * lines)
    for i, (_, part) in enumerate(parts):
        place = {"row": i // columns + 1, "col": i % columns + 1}
        _panel(figure, part, i == 0, place)
        # A category axis, since most of the change lies between the mild severities.
        unit = wrapped(short(part["unit"].iloc[0], 48), 26)
        figure.update_xaxes(type="category", title_text=unit, tickangle=0, tickfont={"size": 10}, **place)
        figure.update_yaxes(range=[-0.02, 1.02], tickformat=".1f", **place)
    if text := curves.attrs.get("note"):
        note(figure, short(text, 160))
    return figure


def _panel(figure: go.Figure, part: pd.DataFrame, legend: bool, place: dict[str, int]) -> None:
    x = ["as is" if severity == 0 else f"{severity:g}" for severity in part["severity"]]
    for value, name, colour, dash, symbol in (
        ("auc", "AUC (95 % interval; 0.5 is chance)", SECOND, "solid", "circle"),
        ("flipped", "share of verdicts that flipped (95 % interval)", NEUTRAL, "dash", "square"),
    ):
        shaded(figure, x, part[f"{value}_low"], part[f"{value}_high"], colour, **place)
        details = f"<br>{name.split(' (')[0]}: %{{y:.3f}}"
        if value == "flipped":
            details += "<br>real to fake: %{customdata[0]:.3f}<br>fake to real: %{customdata[1]:.3f}"
        figure.add_scatter(
            x=x, y=part[value], name=name, legendgroup=value, showlegend=legend, mode="lines+markers",
            line={"color": colour, "dash": dash}, marker={"symbol": symbol, "size": 8},
            customdata=part[["to_fake", "to_real"]], hovertemplate="%{x}" + details + "<extra></extra>", **place,
        )  # fmt: skip
    figure.add_hline(y=0.5, line={"color": NEUTRAL, "dash": "dot", "width": 1}, **place)


def _resolve_operations(operations: Sequence[str | Corruption] | None) -> list[Corruption]:
    chosen = list(CORRUPTIONS) if operations is None else list(operations)
    if unknown := [name for name in chosen if isinstance(name, str) and name not in CORRUPTIONS]:
        raise InputError(f"There is no operation {unknown[0]!r}; there are {', '.join(CORRUPTIONS)}.")
    return [CORRUPTIONS[name] if isinstance(name, str) else name for name in chosen]


def _subsample(ids: Array, fake: Array, limit: int, seed: int) -> Array:
    """Draw at most `limit` rows, in order: of each class its share, by whole groups but for the last one."""
    if len(ids) <= limit:
        return np.arange(len(ids))
    rng = np.random.default_rng(seed)
    place = np.unique(ids, return_inverse=True)[1]
    drawn = np.lexsort((rng.random(len(ids)), rng.permutation(place.max() + 1)[place]))
    reals = int(np.clip(round(limit * float(np.mean(~fake))), 1, max(limit - 1, 1)))
    return np.sort(np.concatenate([drawn[~fake[drawn]][:reals], drawn[fake[drawn]][: limit - reals]]))


def _summary(y: Array, p: Array, ids: Array, called: Array, before: Array) -> dict[str, float | int]:
    """Summarise a step: AUC with its interval, and the verdicts that differ from those before it."""
    fake = y == 1
    newly = {"to_fake": (called & ~before)[~fake], "to_real": (before & ~called)[fake]}
    return {
        "n": len(fake),
        **clustered_auc(y, p, ids).estimate().to_columns("auc"),
        **clustered_rate(called != before, ids).to_columns("flipped"),
        **{name: float(hits.mean()) if len(hits) else float("nan") for name, hits in newly.items()},
    }


def _origin(faces: int, of: int, unreadable: int, skipped: list[dict[str, str]], seed: int) -> dict[str, object]:
    """Describe the rows behind the numbers, as values and as a note."""
    text = counted(faces, "face")
    if faces < of:
        text = f"{faces:,} of {of:,} faces, drawn at random by groups (seed {seed})"
    if unreadable:
        text += f"; {unreadable:,} could not be scored and are left out"
    return {"faces": faces, "of": of, "unreadable": unreadable, "skipped": skipped, "note": text + "."}
