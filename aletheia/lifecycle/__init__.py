"""What comes after a release: the record of what a model answered, and the watch over it."""
