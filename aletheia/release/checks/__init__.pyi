from .listing import PLUGIN_GROUP as PLUGIN_GROUP
from .listing import registered_checks as registered_checks
from .registry import register_check as register_check
