from .generate import generate_dataset as generate_dataset
