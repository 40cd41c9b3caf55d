"""Time in ticks, and what ran when: the columns in which two engines are compared."""
