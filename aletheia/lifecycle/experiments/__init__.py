"""A challenger beside the model in production: which requests it gets, and which of the two is better."""
