# Generated from notebooks/01-prepare-data.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config options='["splitting", "balancing"]'
# mlrun: config outputs='["train", "val", "test", "sealed"]'
import mlrun
import pandas as pd

from aletheia.audit import CROPS, Remedies, apply_remedies, audit_faces, compare_policies, shortcut_auc
from aletheia.datasets import (
    analyse_bias,
    balance_training,
    check_leakage,
    count_known,
    divide,
    log_faces,
    manifest_hash,
    read_faces,
    validate_manifest,
)
from aletheia.plotting import FigureArtifact, PageArtifact, face_sheet, png
from aletheia.project import RunConfig, refuse_unknown
from aletheia.reports import audit_figure, preparation_figures, render_audit_report, render_data_report


@refuse_unknown
def prepare_data(
    context: mlrun.MLClientCtx,
    faces: mlrun.DataItem,
    pool: mlrun.DataItem,
    skipped: mlrun.DataItem,
    **options,
):
    """Audit the faces, apply remedies, split without leaks, balance the training part, and report on all of it.

    :param context: the MLRun context
    :param faces:   faces to learn from (manifest), of extract-faces
    :param pool:    genuine faces to balance with (manifest); may have no rows
    :param skipped: files that were left out before, for the report
    :param options: the splitting and balancing options of a run, and its seed
    """
    config = RunConfig.parse(options)
    seed = config.seed
    faces = validate_manifest(read_faces(faces), check_files=True)
    pictures, measures = audit_faces(faces, seed=seed)
    remedied = apply_remedies(faces, read_faces(pool), Remedies.parse(config.remedies), seed=seed)
    crops, _ = audit_faces(remedied.faces, CROPS, seed=seed)

    shares, sealed = config.split_fractions(), config.sealed_share
    division = divide(remedied.faces, config.split, shares, seed=seed, sealed=sealed)
    faces, skipped = division.manifest, pd.concat([skipped.as_df(), remedied.left_out])
    parts = {name: faces[faces.split == name] for name in ("train", "val", "test", "sealed")}
    policies = compare_policies(parts["train"], remedied.pool, seed, exclude_rows=faces)
    balanced = balance_training(parts["train"], remedied.pool, config.balance, seed, exclude_rows=faces)
    parts["train"], balancing = balanced.train, balanced.report
    whole = pd.concat(parts.values(), ignore_index=True)

    before, after = analyse_bias(faces), analyse_bias(whole)
    leaks = check_leakage(whole)
    shortcut = shortcut_auc(parts["train"], parts["test"], seed=seed)
    shortcut_train = shortcut_auc(parts["train"], seed=seed)

    for name, rows in parts.items():
        log_faces(context, name, rows.reset_index(drop=True))
    context.log_artifact("faces", body=png(face_sheet(whole)), local_path="faces.png", format="png")
    page = render_audit_report(pictures, faces, measures, crops, remedied.messages)
    context.log_artifact(PageArtifact("audit_report", page))
    figures = {"audit": audit_figure(pictures, crops), **preparation_figures(faces, whole, before, after)}
    for key, figure in figures.items():
        context.log_artifact(FigureArtifact(key, figure))
    tables = (before, after, balancing, shortcut, shortcut_train, skipped, leaks, policies)
    notes = {"remedy_messages": remedied.messages, "known": count_known(whole), "notes": division.notes}
    page = render_data_report(figures, *tables, audits=(pictures, crops), **notes)
    context.log_artifact(PageArtifact("data_report", page))

    context.log_results({f"rows_{name}": len(rows) for name, rows in parts.items()})
    context.log_results(
        {
            "skipped": len(skipped),
            "fake_share_before": float((faces.label == "fake").mean()),
            "fake_share_train": float((parts["train"].label == "fake").mean()),
            "cramers_v_source": after.cramers_v("source"),
            "shortcut_auc": shortcut.auc,
            "shortcut_auc_train": shortcut_train.auc,
            "audit_auc_delivered": pictures["all"].auc,
            "audit_auc_crops": crops["all"].auc,
            "best_control_auc": crops.best_control.outcome.auc,
            "gives_away": ", ".join(family.key for family in crops.families if family.tells) or "nothing",
            "leaks": len(leaks),
            "official_split": division.kept,
            "notes": [*division.notes, count_known(whole).sentence()],
            "data_hash": manifest_hash(whole),
        }
    )
