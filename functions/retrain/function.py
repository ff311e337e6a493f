# Generated from notebooks/13-retrain.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config handler=add_faces
# mlrun: config outputs='["train", "val", "held_back", "accepted"]'
import mlrun
import pandas as pd

from aletheia.core.errors import InputError
from aletheia.datasets import (
    count_known,
    divide_additions,
    join_parts,
    load_dataset,
    log_faces,
    manifest_hash,
    read_faces,
    refuse_new_leaks,
)
from aletheia.evaluation import faces_as_in_training
from aletheia.lifecycle import hand_over_version, judge_challenger, judgement_figure
from aletheia.models import read_spec
from aletheia.plotting import FigureArtifact, face_sheet, png
from aletheia.project import refuse_unknown
from aletheia.release import describe_rows, fetch_model, find_model


@refuse_unknown
def add_faces(
    context: mlrun.MLClientCtx,
    train: mlrun.DataItem,
    val: mlrun.DataItem,
    test: mlrun.DataItem,
    add: list,
    champion: str,
    sealed: mlrun.DataItem = None,
    held_back: mlrun.DataItem = None,
    held_back_share: float = 0.3,
    val_share: float = 0.15,
    seed: int = 0,
):
    """Add new faces to the data of a model; nobody of the test set is learnt from.

    :param context:         the MLRun context
    :param train:           training faces of the champion (manifest)
    :param val:             its validation faces
    :param test:            its test faces, which stay as they are
    :param add:             manifests or folders of accepted new faces
    :param champion:        version or tag of the champion: new faces are cut out as its own
    :param sealed:          the sealed part of its test faces, if there is any
    :param held_back:       new faces that earlier retrainings held back, if there are any
    :param held_back_share: share of the new people that is held back
    :param val_share:       share of the others that validates
    :param seed:            of the qualities in which faces are saved, where the champion's were saved anew
    """
    given = {"train": train, "val": val, "test": test, "sealed": sealed, "held back": held_back}
    parts = {name: read_faces(item) for name, item in given.items() if item}
    spec = read_spec(find_model(champion, project=context.project).folder)
    cut = [faces_as_in_training(load_dataset(str(source), one_class=True), spec, seed=seed) for source in add]
    new = pd.concat([faces for faces, _ in cut], ignore_index=True)
    added = divide_additions(parts, new, share=held_back_share, val_share=val_share)
    refuse_new_leaks(parts, added)
    for sentence in added.sentences():
        print(sentence)
    if not len(added.train):
        raise InputError(f"There is nothing new to learn from. {' '.join(added.sentences())}")

    whole = join_parts(parts, added)
    for name, rows in whole.items():
        key = name.replace(" ", "_")
        log_faces(context, key, rows)
    context.log_dataset("left_out", df=added.left_out, format="csv", index=False, stats=False)
    sheet = png(face_sheet(pd.concat([added.train, added.held_back], ignore_index=True)))
    context.log_artifact("new_faces", body=sheet, local_path="new_faces.png", format="png")
    context.log_results(
        {
            **{f"new_{name.replace(' ', '_')}": count for name, count in added.counts.items()},
            **{f"rows_{name.replace(' ', '_')}": len(rows) for name, rows in whole.items()},
            "without_face": sum(left_out for _, left_out in cut),
            "fake_share_before": float((parts["train"].label == "fake").mean()),
            "fake_share_train": float((whole["train"].label == "fake").mean()),
            "notes": [*added.sentences(), count_known(new).sentence()],
            "data_hash": manifest_hash(whole["train"]),
        }
    )


@refuse_unknown
def judge(
    context: mlrun.MLClientCtx,
    model: mlrun.DataItem,
    test: mlrun.DataItem,
    held_back: mlrun.DataItem,
    champion: str,
):
    """Let champion and challenger answer the frozen test set and the new faces that were held back, and decide.

    :param context:   the MLRun context
    :param model:     the challenger, of a training run
    :param test:      the frozen test faces
    :param held_back: new faces that neither learnt from
    :param champion:  version or tag of the champion
    """
    before, after, rows = find_model(champion, project=context.project).folder, fetch_model(model), read_faces(test)
    judgement = judge_challenger(before, after, rows, read_faces(held_back), names=(champion, "the challenger"))
    for sentence in judgement.sentences():
        print(sentence)
    context.log_artifact(FigureArtifact("comparison", judgement_figure(judgement)))
    context.log_results({"accepted": judgement.accepted, **judgement.results()})
    # By these, later evaluations on the same faces count this one.
    context.log_results({"test_set": describe_rows(rows), "weights": read_spec(after).weights_sha256})


@refuse_unknown
def hand_over(context: mlrun.MLClientCtx, version: str, champion: str, auto_promote: bool = False):
    """Deploy a registered version to staging, and promote it by the gate where that was asked for.

    :param context:      the MLRun context
    :param version:      of the challenger
    :param champion:     version that it was compared with
    :param auto_promote: whether to promote it by itself
    """
    done = hand_over_version(version, champion, auto_promote=auto_promote, project=context.project)
    context.log_results(done.to_dict())
