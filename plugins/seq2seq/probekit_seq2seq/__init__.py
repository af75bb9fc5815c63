"""Sequence-to-sequence models with attention, and the lookup-table task that they learn."""
