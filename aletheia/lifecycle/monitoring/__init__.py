"""The watch over a model that answers: traffic, errors, and changes of what it is asked and what it says."""
