"""Diagnostic classifiers on single units: which few of them tell what a model is looking at."""
