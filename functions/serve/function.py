# Generated from notebooks/06-serve.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config kind=serving class=DetectorServer
from aletheia.serving.server import FaceModelServer


class DetectorServer(FaceModelServer):
    """Fake probability, box and verdict for every face of the pictures in a request (V2 inference protocol).

    Override `predict` to change the answer, `load` to change where the model comes from.
    """
