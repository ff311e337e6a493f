"""Reference server for the comparison: answers over HTTP as published detector projects do.

A Flask application that saves the upload, reads it from the disk, answers by benchmarks/reference.py (eager fp32 torch)
and takes one request at a time, as Flask does when it is started the way most projects start it.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

from flask import Flask, request

from benchmarks.reference import Reference


def create_app(bundle: str | Path) -> Flask:
    """Create the application; the model is loaded before it is ready."""
    app, answer = Flask("reference"), Reference(bundle)

    @app.get("/readyz")
    def ready() -> dict:
        return {"ready": True}

    @app.post("/v1/predict")
    def predict() -> dict:
        with tempfile.NamedTemporaryFile(suffix=".jpg") as saved:
            request.files["file"].save(saved)
            saved.flush()
            return {"probabilities": answer(saved.name)}

    return app


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    create_app(sys.argv[1]).run("127.0.0.1", int(sys.argv[2]), threaded=False)
