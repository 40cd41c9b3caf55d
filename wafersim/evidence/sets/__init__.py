"""The kinds of measurements, one module each: what a row is, how it is read from a table, how it is predicted."""
