"""Analyses of gates: how saturated they are, and which values units take."""
