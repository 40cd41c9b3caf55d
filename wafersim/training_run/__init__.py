"""Whole training runs: start-up, checkpoints, failures, and the date they are done."""
