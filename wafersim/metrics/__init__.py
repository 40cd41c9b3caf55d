"""From a timeline to a prediction."""
