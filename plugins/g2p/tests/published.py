"""The published weights, where the package that carries them is installed."""

import warnings
from importlib.metadata import PackageNotFoundError, distribution

import pytest


def installed():
    try:
        return bool(distribution("g2p-en"))
    except PackageNotFoundError:
        return False


needs_weights = pytest.mark.skipif(
    not installed(), reason="the published weights are not installed (the extra `weights`)"
)


def own_package():
    """The package's own G2p; skips where importing it would fetch something."""
    nltk = pytest.importorskip("nltk", reason="g2p_en needs nltk to be imported")
    try:
        for data in ("taggers/averaged_perceptron_tagger.zip", "corpora/cmudict.zip"):
            nltk.data.find(data)
    except LookupError:
        pytest.skip("importing g2p_en would download the data of nltk")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("g2p_en").G2p()
