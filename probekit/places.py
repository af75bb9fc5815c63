"""Where in a model a hook point is and what it holds, in words for tables and panels."""

from probekit.hooks import HookSpec


def place(spec: HookSpec, layers: int) -> str:
    """`encoder`, `layer 1`, `decoder layer 0`: the part, and the layer where there are several."""
    words = [spec.part or "", f"layer {spec.layer}" if layers > 1 or not spec.part else ""]
    return " ".join(word for word in words if word)


def content(spec: HookSpec) -> str:
    """`update gate`, `hidden`, `candidate before its non-linearity`: the role with the kind."""
    words = [spec.role or "", spec.kind, "before its non-linearity" if spec.stage == "pre" else ""]
    return " ".join(word for word in words if word)
