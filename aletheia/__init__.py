"""Aletheia: experiments in deepfake face detection whose numbers can be believed."""

__version__ = "0.1.0"
