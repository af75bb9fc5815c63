"""Datasets of number agreement, syntactic depth and pronouns, and a grammar to train on."""
