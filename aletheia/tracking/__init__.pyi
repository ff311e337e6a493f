from .connect import ensure_tracking as ensure_tracking
from .connect import reachable_tracking as reachable_tracking
from .mlflow_export import export_project as export_project
from .mlflow_export import export_run as export_run
from .mlflow_mirror import start_mirror as start_mirror
