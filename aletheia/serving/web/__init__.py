"""The page for people: drop a picture or a video, read a verdict in words, look closer, look at the file's own story.

Importing `aletheia.serving.web.mount` imports Gradio, which takes seconds: a service does it when it is ready already.
"""

import os

# Gradio reads these when it is imported: nothing is reported to anybody, and no statistics are made of who came.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)
