"""Analyses that alter a trained model, train it further, and see whether it recovers."""
