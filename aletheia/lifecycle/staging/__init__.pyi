from .budget_checks import Budgets as Budgets
from .deployment import deploy as deploy
from .report import DeploymentReport as DeploymentReport
