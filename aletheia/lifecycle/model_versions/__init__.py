"""Which models there are, which of them answers, and who changed that when."""
