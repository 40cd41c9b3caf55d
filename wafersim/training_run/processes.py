"""The reference engine of whole runs: SimPy processes, one for each job, written from docs/whole_runs.md."""
