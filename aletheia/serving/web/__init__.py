"""The page for people: hand in a picture or a video; read the verdict, its explanation and the origin of the file.

Importing `aletheia.serving.web.mount` imports Gradio, which takes seconds: a service does it after its start.
"""

import os

# Gradio reads these when it is imported: no telemetry, and no statistics on visitors.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)
