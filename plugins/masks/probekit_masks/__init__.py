"""An analysis that learns which few units, set to what, change a model's decision."""
