from .app import create_app as create_app
from .config import ServeConfig as ServeConfig
from .routes import CurrentService as CurrentService
from .routing import RoutePolicy as RoutePolicy
from .routing import register_router as register_router
from .server import FaceModelServer as FaceModelServer
from .service import InferenceService as InferenceService
