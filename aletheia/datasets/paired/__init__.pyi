from .genuine import Genuine as Genuine
from .genuine import list_genuine as list_genuine
from .reconstruction import reconstruct_faces as reconstruct_faces
from .self_blending import blend_folder as blend_folder
from .swapping import swap_faces as swap_faces
from .swapping import swap_parts as swap_parts
from .writing import Paired as Paired
