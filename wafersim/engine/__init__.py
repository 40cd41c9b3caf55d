"""Engines over arrays: longest path, event queue, steady state. They know tasks, lags and servers, no domain word."""
