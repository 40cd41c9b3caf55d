"""A report to send on: one HTML file that holds all it needs, opens from a disk and loads nothing."""
