"""Small models that can be asked whether an answer is right."""

from dataclasses import replace

import torch

from probekit.dataset import ListDataset, pad
from probekit.interventions import Intervention
from probekit.testing import TinyModel, tiny_dataset
from probekit.testing.specs import TinyParams


class Scored(TinyModel):
    """Right where it says the target's word at every position; counts its forward passes."""

    def __init__(self, hidden=6):
        super().__init__(TinyParams(hidden=hidden))
        self.passes, self.rows = 0, []

    def margin(self, batch, fwd_hooks: list[Intervention] | tuple[()] = ()):
        self.passes += 1
        self.rows.append(len(batch))
        targets, _ = pad([self.vocabulary.encode(one.target) for one in batch.examples], 0)
        with torch.no_grad():
            said = self.run_with_hooks(batch, fwd_hooks=list(fwd_hooks)).argmax(-1)
        return ((said == targets) | ~batch.mask()).all(1).float() - 0.5


class Planted(Scored):
    """All that it says depends on one unit: no unit hears another, and one alone is read out."""

    unit = 2

    def __init__(self, hidden=6):
        super().__init__(hidden)
        with torch.no_grad():
            self.rnn.weight_hh_l0.zero_()
            kept = self.decoder.weight[:, self.unit].clone()
            self.decoder.weight.zero_()
            self.decoder.weight[:, self.unit] = 3 * kept


def own_answers(model):
    """The tiny sentences, the target being what the model says of each."""
    examples = []
    for one in tiny_dataset():
        with torch.no_grad():
            said = model(model.encode([one]))[0].argmax(-1)
        examples.append(replace(one, target=model.vocabulary.decode(said.tolist())))
    return ListDataset(examples[::-1], "own-answers")
