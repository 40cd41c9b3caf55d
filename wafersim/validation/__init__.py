"""Predicted against published."""
