# Generated from notebooks/07-audit.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config options='["remedies"]'
import mlrun

from aletheia.audit import CROPS, Remedies, apply_remedies, audit_faces
from aletheia.core import dask_client
from aletheia.datasets import log_faces, read_faces
from aletheia.plotting import FigureArtifact, PageArtifact
from aletheia.project import RunConfig, refuse_unknown
from aletheia.reports import audit_figure, render_audit_report


@refuse_unknown
def audit(context: mlrun.MLClientCtx, faces: mlrun.DataItem, **options):
    """Predict the label from everything but the face: in the pictures, and in the crops after remedies.

    In MLRun's dask runtime the cluster measures and scores.

    :param context: the MLRun context
    :param faces:   faces (manifest), of extract-faces
    :param options: remedies and seed of a run
    """
    config = RunConfig.parse(options)
    client = dask_client(context)
    faces = read_faces(faces, fetch=client is None)
    how = {"seed": config.seed, "client": client}
    pictures, measures = audit_faces(faces, **how)
    remedied = apply_remedies(faces, faces.iloc[:0], Remedies.parse(config.remedies), **how)
    crops, _ = audit_faces(remedied.faces, CROPS, **how)

    context.log_artifact(FigureArtifact("audit", audit_figure(pictures, crops)))
    page = render_audit_report(pictures, faces, measures, crops, remedied.messages)
    context.log_artifact(PageArtifact("audit_report", page))
    log_faces(context, "measures", measures)
    log_faces(context, "remedied", remedied.faces)
    for name, result in (("pictures", pictures), ("crops", crops)):
        telling = [family.key for family in result.families if family.tells]
        context.log_results({f"{name}_auc": result["all"].auc, f"{name}_tell": ", ".join(telling) or "nothing"})
    context.log_result("best_control_auc", crops.best_control.outcome.auc)
