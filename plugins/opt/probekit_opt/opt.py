"""An OPT in memory: a transformer whose neurons can be ablated many at a time."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from probekit.ablations import Ablation
from probekit.dataset import Example
from probekit.model import ROWS_AT_ONCE
from probekit_opt.model import Transformer
from probekit_opt.rows import Rows
from probekit_opt.sweep import Sweep


class Opt(Transformer):
    """A Transformer whose `margins` shares what ablations of neurons have in common."""

    def margins(
        self, examples: Sequence[Example], ablations: Sequence[Ablation], rows: int = ROWS_AT_ONCE
    ) -> Float[Tensor, "ablation example"]:
        """The margin of every example under every ablation, `[ablation, example]`, on the CPU.

        Ablations of neurons go the short way (see `sweep`), all others one a row of a batch.
        """
        found = torch.zeros(len(ablations), len(examples))
        short = [at for at, one in enumerate(ablations) if set(one.units) <= self._layers.keys()]
        others = sorted({*range(len(ablations))} - {*short})
        if others:
            found[others] = super().margins(examples, [ablations[at] for at in others], rows)
        if short and examples:
            found[short] = self._sweep(examples, [ablations[at] for at in short])
        return found

    @property
    def _layers(self) -> dict[str, int]:
        """The layers of the neurons' hook points."""
        return {
            name: spec.layer
            for name, spec in self.hook_specs.items()
            if spec.kind == "neuron" and spec.stage == "post"
        }

    def _sweep(self, examples: Sequence[Example], ablations: Sequence[Ablation]) -> Tensor:
        """Ablations of neurons, for the examples of each context in turn."""
        found = torch.zeros(len(ablations), len(examples))
        head = self.network.get_output_embeddings().weight
        for context in dict.fromkeys(example.context for example in examples):
            numbers = [at for at, one in enumerate(examples) if one.context == context]
            batch, choices = self.asked(self.encode([examples[at] for at in numbers]))
            before = [] if batch.context is None else batch.context.tolist()
            lengths = batch.lengths.tolist()
            sequences = [
                [*before, *row[:length]]
                for row, length in zip(batch.tokens.tolist(), lengths, strict=True)
            ]
            pairs = [[choice.right, choice.wrong] for choice in choices]
            right, wrong = torch.tensor(pairs, device=self.device).T
            rows = Rows(self.config, self._named)
            sweep = Sweep(rows, sequences, head[right] - head[wrong], self._layers, len(before))
            found[:, numbers] = sweep.margins(ablations)
        return found
