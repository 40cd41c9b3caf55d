"""The compiled twin of the reference: the same events as a loop over arrays, written from docs/whole_runs.md."""
