# Generated from notebooks/01-prepare-data.ipynb by `aletheia functions build`. Edit the notebook, not this file.

import mlrun
import pandas as pd
from mlrun.artifacts import PlotlyArtifact

from aletheia.data.balance import balance
from aletheia.data.bias import analyse_bias
from aletheia.data.contact import contact_sheet, png
from aletheia.data.manifest import manifest_hash, validate_manifest
from aletheia.data.plots import preparation_figures
from aletheia.data.report import data_report
from aletheia.data.split import check_leakage, split_manifest
from aletheia.evaluation.shortcut import shortcut_auc


def prepare_data(
    context: mlrun.MLClientCtx,
    faces: mlrun.DataItem,
    pool: mlrun.DataItem,
    skipped: mlrun.DataItem,
    balance_policy: str = "matched",
    seed: int = 0,
):
    """Split the faces without leaks, balance the training part, and report what gives the label away.

    :param context:        the MLRun context
    :param faces:          faces to learn from (manifest), of extract-faces
    :param pool:           genuine faces to balance with (manifest); may have no rows
    :param skipped:        what was left out before, for the report
    :param balance_policy: none, count, matched or per-source
    :param seed:           makes split and balancing repeatable
    """
    faces = validate_manifest(faces.as_df(), check_files=True)
    pool, skipped = pool.as_df(), skipped.as_df()

    faces = split_manifest(faces, seed=seed)
    parts = {name: faces[faces.split == name] for name in ("train", "val", "test")}
    parts["train"], balancing = balance(parts["train"], pool, balance_policy, seed, held_out=faces)
    whole = pd.concat(parts.values(), ignore_index=True)

    before, after = analyse_bias(faces), analyse_bias(whole)
    shortcut = shortcut_auc(parts["train"], parts["test"], seed=seed)
    shortcut_train = shortcut_auc(parts["train"], seed=seed)

    for name, rows in parts.items():
        context.log_dataset(name, df=rows.reset_index(drop=True), format="parquet", index=False, stats=False)
    figures = preparation_figures(faces, whole, before, after)
    for key, figure in figures.items():
        context.log_artifact(PlotlyArtifact(key=key, figure=figure))
    context.log_artifact("faces", body=png(contact_sheet(whole)), local_path="faces.png", format="png")
    leaks = check_leakage(whole)
    page = data_report(figures, before, after, balancing, shortcut, shortcut_train, skipped, leaks)
    context.log_artifact("data_report", body=page, local_path="data_report.html", format="html")

    context.log_results({f"rows_{name}": len(rows) for name, rows in parts.items()})
    context.log_results(
        {
            "skipped": len(skipped),
            "fake_share_before": float((faces.label == "fake").mean()),
            "fake_share_train": float((parts["train"].label == "fake").mean()),
            "cramers_v_source": after.cramers_v("source"),
            "shortcut_auc": shortcut.auc,
            "shortcut_auc_train": shortcut_train.auc,
            "leaks": len(leaks),
            "data_hash": manifest_hash(whole),
        }
    )
