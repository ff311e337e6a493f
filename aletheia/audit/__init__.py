"""What tells a data set's labels besides the faces."""
