"""Analyses of weight matrices: what they look like, and which units hold the strong weights."""
