"""A model's hook points as a tree."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import torch
from rich.text import Text
from rich.tree import Tree

from probekit.cli.console import plain
from probekit.errors import ProbekitError, Problems
from probekit.hooks import HookSpec
from probekit.model import Model
from probekit.params import parse, validate
from probekit.registry import registry
from probekit.specs import ModelSpec, resolve


def load_model(name: str, arguments: Sequence[str]) -> Model:
    """The model of that name with the `model.` keys given."""
    spec = registry().find(name, "model").spec
    assert isinstance(spec, ModelSpec)
    keys = parse(arguments)
    if loose := [key for key in keys if not key.startswith("model.")]:
        raise ProbekitError(
            f"{loose[0]} does not belong to the model; write model.{loose[0]}=VALUE."
        )
    given = {key.removeprefix("model."): value for key, value in keys.items()}
    params, problems = validate(resolve(spec.params), given, "model.")
    if problems:
        raise Problems(problems)
    model: Model = resolve(spec.implementation)(params, str(torch.get_default_device()))
    return model


def hook_tree(title: str, specs: Iterable[HookSpec]) -> Tree:
    """Hook points under the modules that hold them."""
    root = Tree(plain(title, "bold cyan"))
    branches: dict[str, Tree] = {"": root}
    for spec in specs:
        path, _, leaf = spec.name.rpartition(".")
        _branch(branches, path).add(_line(leaf, spec))
    return root


def _branch(branches: dict[str, Tree], path: str) -> Tree:
    if path not in branches:
        above, _, leaf = path.rpartition(".")
        branches[path] = _branch(branches, above).add(plain(leaf, "bold"))
    return branches[path]


def _line(leaf: str, spec: HookSpec) -> Text:
    width = "source" if spec.width is None else spec.width
    kind = " ".join(word for word in (spec.role, spec.kind) if word)
    stage = " before its non-linearity" if spec.stage == "pre" else ""
    ends = f"  0: {spec.low}; 1: {spec.high}" if spec.low else ""
    return Text.assemble(
        plain(leaf, "cyan"), plain(f"  [batch, pos, {width}]  {kind}{stage}"), plain(ends, "dim")
    )


def spec_json(spec: HookSpec) -> dict[str, Any]:
    """A hook point as plain values; an infinite end of its span is null."""
    facts = asdict(spec)
    facts["span"] = [None if abs(end) == float("inf") else end for end in spec.span]
    return facts
