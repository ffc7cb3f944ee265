"""Callbacks with a loss term that holds on to what was known before a run."""
