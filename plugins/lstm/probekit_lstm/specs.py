"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.papers import LAKRETZ2019
from probekit.specs import AnalysisSpec, ModelSpec, Paper
from probekit_lstm.params import SHIPPED

GULORDAVA = Paper(
    key="gulordava2018",
    citation=(
        "Gulordava, Bojanowski, Grave, Linzen and Baroni (2018). Colorless green recurrent networks"
        " dream hierarchically. NAACL-HLT."
    ),
    url="https://arxiv.org/abs/1803.11138",
)

lstm_lm = ModelSpec(
    name="lstm-lm",
    summary="an LSTM language model, of words or of characters",
    implementation="probekit_lstm.checkpoints:load_lstm",
    params="probekit_lstm.params:LstmParams",
    offers=(
        HookQuery(kind="embedding"),
        HookQuery(kind="gate", role="input", stage=None),
        HookQuery(kind="gate", role="forget", stage=None),
        HookQuery(kind="gate", role="output", stage=None),
        HookQuery(kind="candidate", stage=None),
        HookQuery(kind="cell"),
        HookQuery(kind="hidden"),
        HookQuery(kind="state"),
    ),
    data="number-agreement",
    checkpoints=SHIPPED,
    trainer="lstm-training",
    papers=(GULORDAVA, LAKRETZ2019),
)

lstm_training = AnalysisSpec(
    name="lstm-training",
    summary="train LSTM language models on text",
    implementation="probekit_lstm.trainer:LstmTraining",
    params="probekit_lstm.params:LstmTrainingParams",
    trains=True,
    papers=(GULORDAVA,),
)
