"""MLRun runs this whenever it loads the project."""

from aletheia.project.workspace import set_up


def setup(project):
    """Connect to the tracking service, bring functions/ up to date with the notebooks."""
    return set_up(project)
