"""A step, or a whole run, as Chrome trace events, which Perfetto, speedscope and the catapult viewer show."""
