"""The papers that several first-party plugins reproduce, cited in one way."""

from probekit.specs import Paper

BAAN2019 = Paper(
    key="baan2019",
    citation=(
        "Baan, Leible, Nikolaus, Rau, Ulmer, Baumgärtner, Hupkes and Bruni (2019). On the"
        " realization of compositionality in neural networks. BlackboxNLP."
    ),
    url="https://aclanthology.org/W19-4814",
)

LAKRETZ2019 = Paper(
    key="lakretz2019",
    citation=(
        "Lakretz, Kruszewski, Desbordes, Hupkes, Dehaene and Baroni (2019). The emergence of"
        " number and syntax units in LSTM language models. NAACL."
    ),
    url="https://aclanthology.org/N19-1002",
)

DECAO2022 = Paper(
    key="decao2022",
    citation=(
        "De Cao, Schmid, Hupkes and Titov (2022). Sparse interventions in language models with"
        " differentiable masking. BlackboxNLP."
    ),
    url="https://aclanthology.org/2022.blackboxnlp-1.2",
)

VOITA2023 = Paper(
    key="voita2023",
    citation=(
        "Voita, Ferrando and Nalmpantis (2023). Neurons in large language models: dead, n-gram,"
        " positional. arXiv."
    ),
    url="https://arxiv.org/abs/2309.04827",
)
