"""The same scores evaluated by face, by picture and by video.

A test set of faces may hold several of one picture and hundreds of one video; users ask about pictures and videos.
Scores are aggregated as follows:

- *face*: the rows as they are.
- *frame*: a picture, or a single frame of a video. Its most suspicious face counts: the largest logit.
- *video*: the logits of its frames, by the model's `aggregation` (`aletheia.inference.video.aggregate`).

A frame or a video is fake when any of its faces is. The service follows people from frame to frame and lets the worst
person decide; a table of scores does not identify people, so here the worst face of each frame stands for the frame.
The two agree where there is a single person. All levels use the model's threshold, which was chosen on faces.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.special import logit

from aletheia.core.arrays import Array
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.schema import as_text
from aletheia.inference.video import aggregate
from aletheia.models.calibration_map import Calibration
from aletheia.models.spec import ModelSpec
from aletheia.stats.categorical import encode
from aletheia.stats.metrics import Metrics, evaluate_scores
from aletheia.stats.scored_set import ScoredSet

COLUMNS = ("unit", "label", "logit", "probability", "group", "n")


def score_levels(scores: pd.DataFrame, spec: ModelSpec, groups: Array | None = None) -> dict[str, pd.DataFrame]:
    """Aggregate scores of faces to frames and videos.

    Parameters
    ----------
    scores : DataFrame
        One row a face: path, label, logit and probability (NaN without a score); as far as they are there, original
        and frame_time (see `aletheia.faces.extraction`), video and identity. Faces without an original are pictures of
        their own. Videos of the same name are different ones when their files (or the folders of their frames) lie in
        different folders.
    spec : ModelSpec
        The model: its calibration and aggregation.
    groups : ndarray, optional
        (n,) unit that was sampled; by default the identity, or else the video.

    Returns
    -------
    dict of str to DataFrame
        ``face`` and, where any of its units joins several of the level before, ``frame`` and ``video``; rows that are
        of no video are in no unit of the latter. Columns: unit (its name), label, logit, probability (NaN
        where no face could be scored), group (that of `groups`; units that share one, over any number of steps,
        have the same; '' when unknown) and n (faces or frames with a score).

    Raises
    ------
    InputError
        For a table without rows, or without labels.
    """
    label = np.where(fake_flags(scores), "fake", "real")
    texts = {name: _text(scores, name) for name in ("path", "original", "video", "identity")}
    file = np.where(texts["original"] == "", texts["path"], texts["original"])
    folder = pd.Series(file).str.replace("\\", "/", regex=False).str.rpartition("/")[0].to_numpy()
    video, videos = _videos(folder, texts["video"])
    time = pd.Series(scores["frame_time"].to_numpy() if "frame_time" in scores else np.nan, index=range(len(scores)))
    frame = pd.DataFrame({"file": file, "time": time.fillna(-1)}).groupby(["file", "time"], sort=False).ngroup()
    names = np.where(time.isna(), file, file + time.map(" at {:.3f} s".format).to_numpy(dtype=object))
    faces = pd.DataFrame(
        {
            "unit": texts["path"],
            "label": label,
            "logit": scores["logit"].to_numpy(dtype=np.float64),
            "probability": scores["probability"].to_numpy(dtype=np.float64),
            "group": known_group(texts["identity"], videos[video]) if groups is None else groups.astype(str),
            "n": scores["logit"].notna().to_numpy(dtype=np.int64),
        }
    )
    frame = frame.to_numpy()
    frames = _join_faces(faces, frame, names, spec.calibration)
    first = np.unique(frame, return_index=True)[1]
    clips = _join_frames(frames, video[first], videos, spec)
    levels = {"face": faces}
    if len(frames) < len(faces):
        levels["frame"] = frames
    if len(clips) < np.sum(video[first] >= 0):
        levels["video"] = clips
    return levels


def level_metrics(
    scores: pd.DataFrame,
    spec: ModelSpec,
    groups: Array | None = None,
    *,
    seed: int = 0,
    replicates: int = 2000,
) -> dict[str, Metrics]:
    """Compute the metrics of each level of `score_levels`, without those of which nothing could be scored.

    Parameters
    ----------
    scores, spec, groups
        As there.
    seed, replicates
        Of the bootstrap over the groups.

    Raises
    ------
    InputError
        As there.
    """
    return {
        name: evaluate_scores(
            ScoredSet(fake_flags(table), table["probability"], spec.threshold, table["group"], seed),
            replicates=replicates,
        )
        for name, table in score_levels(scores, spec, groups).items()
        if table["n"].any()
    }


def _text(scores: pd.DataFrame, name: str) -> Array:
    return as_text(scores[name]) if name in scores else np.full(len(scores), "", dtype=object)


def _videos(folder: Array, video: Array) -> tuple[Array, Array]:
    """Return the number of each row's video, -1 for none, and the names of the videos, at the end '' for none."""
    has_video = video != ""
    # The pair, not its text, is the key: two videos called 000.mp4 in two folders are two.
    pairs = pd.DataFrame({"folder": folder[has_video], "video": video[has_video]})
    number = np.full(len(video), -1)
    number[has_video] = pairs.groupby(["folder", "video"], sort=False).ngroup()
    unique = pairs.drop_duplicates().to_numpy()
    names = [name if name.startswith(place) else f"{place}/{name}" for place, name in unique]
    return number, np.array([*names, ""], dtype=object)


def known_group(identity: Array, video: Array) -> Array:
    """Return the identity where known, else the video, else ''; no video is taken for a person of the same name.

    So the frames of a video stay together where its people are unknown.
    """
    return np.where(identity != "", identity, np.where(video != "", "video " + video, ""))


def _join_faces(faces: pd.DataFrame, frame: Array, names: Array, calibration: Calibration) -> pd.DataFrame:
    first = np.unique(frame, return_index=True)[1]
    best = faces["logit"].groupby(frame).max().to_numpy()
    return _units(faces, frame, names[first], best, calibration.probabilities(best), faces["n"].to_numpy())


def _join_frames(frames: pd.DataFrame, video: Array, names: Array, spec: ModelSpec) -> pd.DataFrame:
    inside = video >= 0
    frames, video = frames[inside], video[inside]
    scored = frames["logit"].notna().to_numpy()
    probability = np.full(len(names) - 1, np.nan)
    for number, logits in frames["logit"][scored].groupby(video[scored]):
        probability[number] = aggregate(logits.to_numpy(), spec.calibration, spec.aggregation)
    # The logit that has this probability: the mean of probabilities has none of its own.
    z = logit(np.clip(probability, 1e-7, 1 - 1e-7))
    joined = (z - spec.calibration.shift) / spec.calibration.scale
    return _units(frames, video, names[:-1], joined, probability, scored.astype(np.int64))


def _units(
    rows: pd.DataFrame,
    unit: Array,
    names: Array,
    logits: Array,
    probability: Array,
    scored: Array,
) -> pd.DataFrame:
    fake = np.bincount(unit, rows["label"] == "fake", minlength=len(names)) > 0
    values = (
        names,
        np.where(fake, "fake", "real"),
        logits,
        probability.astype(np.float64),
        _linked(rows["group"], unit, len(names)),
        np.bincount(unit, scored, minlength=len(names)).astype(np.int64),
    )
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))


def _linked(group: pd.Series, unit: Array, count: int) -> Array:
    """Return a group for each unit; units that share any, over any number of steps, get the name of the first."""
    codes, values = encode(group)
    is_known = codes >= 0
    nodes = count + len(values)
    graph = coo_matrix((np.ones(is_known.sum()), (unit[is_known], count + codes[is_known])), shape=(nodes, nodes))
    _, component = connected_components(graph, directed=False)
    names: Array = np.full(component.max(initial=-1) + 1, "", dtype=object)
    names[component[count:][::-1]] = values[::-1]
    linked: Array = names[component[:count]]
    return linked
