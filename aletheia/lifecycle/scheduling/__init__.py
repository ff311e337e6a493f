"""What is done again and again: alerts are looked at, retraining triggers asked, files pruned, leftovers put right."""
