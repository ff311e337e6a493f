from .dask_cluster import dask_client as dask_client
from .errors import AletheiaError as AletheiaError
from .errors import InputError as InputError
from .paths import data_folder as data_folder
from .paths import project_root as project_root
from .settings import Settings as Settings
from .settings import get_settings as get_settings
