"""Faces in images: finding them, cutting them out, doing so for a whole manifest."""
