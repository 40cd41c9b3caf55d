"""Fits of the calibrated constants on published rows, and how well each is known."""
