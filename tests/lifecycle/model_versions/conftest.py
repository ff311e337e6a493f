"""An MLflow database of its own for each test that asks for one."""

from ...tracking.conftest import empty_database, mlflow, uri
