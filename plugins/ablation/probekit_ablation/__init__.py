"""Analyses that switch units off and see what the model can no longer do."""
