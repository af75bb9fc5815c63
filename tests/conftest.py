"""Shapes and types are checked at run time wherever the tests pass tensors."""

from jaxtyping import install_import_hook

install_import_hook(["probekit", "probekit_gates", "probekit_seq2seq"], "beartype.beartype")
