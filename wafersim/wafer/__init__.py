"""What one kernel costs on the wafer."""
