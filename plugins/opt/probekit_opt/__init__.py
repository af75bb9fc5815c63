"""OPT and other decoder-only transformers, and the training of a small OPT from scratch."""
