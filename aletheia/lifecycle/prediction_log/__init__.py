"""The record of what a service answered: numbers about answers, never pictures."""
