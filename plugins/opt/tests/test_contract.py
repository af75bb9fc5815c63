"""The contract that every plugin passes, and what the installed distribution registers."""

import pytest
from probekit_opt.loading import load_opt, load_transformer
from probekit_opt.params import OptParams, TransformerParams

from probekit.registry import registry
from probekit.testing import AnalysisContract, ModelContract

from . import tiny

TRAINING = {
    "corpus": (tiny.text(),), "tokens": 2 * 8 * 16, "vocabulary": 280, "layers": 1, "width": 8,
    "ffn": 8, "heads": 2, "window": 16, "batch_size": 8, "seeds": (0, 1), "validation": 0.1,
    "precision": "float32",
}  # fmt: skip


class TinyOpt(ModelContract):
    name = "opt"
    layout, attention = "pre-norm", "fused"

    def build(self):
        return load_opt(OptParams(path=tiny.folder(self.layout), attention=self.attention), "cpu")

    def dataset(self):
        return tiny.sentences()


class TestPreNorm(TinyOpt):
    pass


class TestWithoutPositions(TinyOpt):
    layout = "without positions"


class TestOpenPostNorm(TinyOpt):
    layout, attention = "post-norm", "open"


class TestTransformer(TinyOpt):
    name = "transformer"

    def build(self):
        return load_transformer(
            TransformerParams(path=tiny.folder(), attention=self.attention), "cpu"
        )


class TestTraining(AnalysisContract):
    name = "opt-training"
    model = "opt"
    params = TRAINING


@pytest.mark.parametrize(
    ("noun", "name"),
    [("model", "opt"), ("model", "transformer"), ("analysis", "opt-training")],
)
def test_registered(noun, name):
    assert registry().find(name, noun).id == f"probekit-opt/{name}"
