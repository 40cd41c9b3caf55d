"""What ops, collectives and memory cost on GPUs; every function takes columns as readily as numbers."""
