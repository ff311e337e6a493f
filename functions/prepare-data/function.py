# Generated from notebooks/01-prepare-data.ipynb by `aletheia functions build`. Edit the notebook, not this file.

import mlrun
import pandas as pd
from mlrun.artifacts import PlotlyArtifact

from aletheia.audit.audit import audit_faces
from aletheia.audit.balance_policies import compare_policies
from aletheia.audit.file_properties import shortcut_auc
from aletheia.audit.measuring import CROPS
from aletheia.audit.remedies import Remedies, apply_remedies
from aletheia.datasets.balance import balance_training
from aletheia.datasets.bias import analyse_bias
from aletheia.datasets.manifest import manifest_hash, validate_manifest
from aletheia.datasets.split import check_leakage, split_manifest
from aletheia.plotting.contact_sheet import face_sheet, png
from aletheia.reports import audit_figure, preparation_figures, render_audit_report, render_data_report


def prepare_data(
    context: mlrun.MLClientCtx,
    faces: mlrun.DataItem,
    pool: mlrun.DataItem,
    skipped: mlrun.DataItem,
    remedies: list | None = None,
    balance_policy: str = "matched",
    seed: int = 0,
):
    """Audit the faces, apply remedies, split without leaks, balance the training part; report what tells the label.

    :param context:        the MLRun context
    :param faces:          faces to learn from (manifest), of extract-faces
    :param pool:           genuine faces to balance with (manifest); may have no rows
    :param skipped:        what was left out before, for the report
    :param remedies:       drop=COLUMN=VALUE, match=FAMILY, reencode=60-95, resolution=PIXELS; none by default
    :param balance_policy: none, count, matched or per-source
    :param seed:           makes split and balancing repeatable
    """
    faces = validate_manifest(faces.as_df(), check_files=True)
    delivered, measures = audit_faces(faces, seed=seed)
    done = apply_remedies(faces, pool.as_df(), Remedies.parse(remedies), seed=seed)
    seen, _ = audit_faces(done.faces, CROPS, seed=seed)
    page = render_audit_report(delivered, faces, measures, seen, done.messages)
    context.log_artifact("audit_report", body=page, local_path="audit_report.html", format="html")

    faces, skipped = split_manifest(done.faces, seed=seed), pd.concat([skipped.as_df(), done.left_out])
    parts = {name: faces[faces.split == name] for name in ("train", "val", "test")}
    policies = compare_policies(parts["train"], done.pool, seed, exclude_rows=faces)
    parts["train"], balancing = balance_training(parts["train"], done.pool, balance_policy, seed, exclude_rows=faces)
    whole = pd.concat(parts.values(), ignore_index=True)

    before, after = analyse_bias(faces), analyse_bias(whole)
    shortcut = shortcut_auc(parts["train"], parts["test"], seed=seed)
    shortcut_train = shortcut_auc(parts["train"], seed=seed)

    for name, rows in parts.items():
        context.log_dataset(name, df=rows.reset_index(drop=True), format="parquet", index=False, stats=False)
    figures = {"audit": audit_figure(delivered, seen), **preparation_figures(faces, whole, before, after)}
    for key, figure in figures.items():
        context.log_artifact(PlotlyArtifact(key=key, figure=figure))
    context.log_artifact("faces", body=png(face_sheet(whole)), local_path="faces.png", format="png")
    leaks = check_leakage(whole)
    tables = (before, after, balancing, shortcut, shortcut_train, skipped, leaks, policies)
    page = render_data_report(figures, *tables, audits=(delivered, seen), remedy_messages=done.messages)
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
            "audit_auc_delivered": delivered["all"].auc,
            "audit_auc_crops": seen["all"].auc,
            "best_control_auc": seen.best_control.outcome.auc,
            "gives_away": ", ".join(family.key for family in seen.families if family.tells) or "nothing",
            "leaks": len(leaks),
            "data_hash": manifest_hash(whole),
        }
    )
