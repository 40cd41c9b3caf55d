"""Many points: sweeps over an experiment's fields."""
