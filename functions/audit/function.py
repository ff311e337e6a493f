# Generated from notebooks/06-audit.ipynb by `aletheia functions build`. Edit the notebook, not this file.

import mlrun
from mlrun.artifacts import PlotlyArtifact

from aletheia.audit.audit import audit_faces
from aletheia.audit.measuring import CROPS
from aletheia.audit.remedies import Remedies, apply_remedies
from aletheia.reports import audit_figure, render_audit_report


def audit(context: mlrun.MLClientCtx, faces: mlrun.DataItem, remedies: list | None = None, seed: int = 0):
    """Predict the label from everything but the face: in the pictures, and in the crops after remedies.

    :param context:  the MLRun context
    :param faces:    faces (manifest), of extract-faces
    :param remedies: drop=COLUMN=VALUE, match=FAMILY, reencode=60-95, resolution=PIXELS; none by default
    :param seed:     of folds, bootstrap and remedies
    """
    faces = faces.as_df()
    pictures, measures = audit_faces(faces, seed=seed)
    done = apply_remedies(faces, faces.iloc[:0], Remedies.parse(remedies), seed=seed)
    crops, _ = audit_faces(done.faces, CROPS, seed=seed)

    context.log_artifact(PlotlyArtifact(key="audit", figure=audit_figure(pictures, crops)))
    page = render_audit_report(pictures, faces, measures, crops, done.messages)
    context.log_artifact("audit_report", body=page, local_path="audit_report.html", format="html")
    context.log_dataset("measures", df=measures, format="parquet", index=False, stats=False)
    context.log_dataset("remedied", df=done.faces, format="parquet", index=False, stats=False)
    for name, found in (("pictures", pictures), ("crops", crops)):
        telling = [family.key for family in found.families if family.tells]
        context.log_results({f"{name}_auc": found["all"].auc, f"{name}_tell": ", ".join(telling) or "nothing"})
    context.log_result("best_control_auc", crops.best_control.outcome.auc)
