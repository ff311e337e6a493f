"""The page for people: drop a picture or a video, read a verdict in words, look closer, look at the file's own story.

Importing `aletheia.serving.page.build` imports Gradio, which takes seconds: a service does it when it is ready already.
"""
