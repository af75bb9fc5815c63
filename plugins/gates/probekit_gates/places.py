"""Where in a model a hook point is, in words for tables and panels."""

from probekit.hooks import HookSpec


def place(spec: HookSpec, layers: int) -> str:
    """`encoder`, `layer 1`, `decoder layer 0`: the part, and the layer where there are several."""
    words = [spec.part or "", f"layer {spec.layer}" if layers > 1 or not spec.part else ""]
    return " ".join(word for word in words if word)


def role(spec: HookSpec) -> str:
    """`update gate`, `hidden`: the role with the kind."""
    return f"{spec.role} {spec.kind}" if spec.role else spec.kind
