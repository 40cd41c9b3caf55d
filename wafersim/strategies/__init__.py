"""Who does what in which order: a Plan, per strategy."""
