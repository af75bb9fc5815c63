"""A plugin to copy: one analysis of silent units."""
