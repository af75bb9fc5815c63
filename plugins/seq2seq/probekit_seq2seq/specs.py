"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.papers import BAAN2019
from probekit.specs import AnalysisSpec, DatasetSpec, ModelSpec, Paper
from probekit_seq2seq.params import SHIPPED

LISKA = Paper(
    key="liska2018",
    citation=(
        "Liška, Kruszewski and Baroni (2018). Memorize or generalize? Searching for a"
        " compositional RNN in a haystack. AEGAP workshop."
    ),
    url="https://arxiv.org/abs/1802.06467",
)
HUPKES = Paper(
    key="hupkes2019",
    citation=(
        "Hupkes, Singh, Korrel, Kruszewski and Bruni (2019). Learning compositionally through"
        " attentive guidance. CICLing."
    ),
    url="https://arxiv.org/abs/1805.09657",
)

COMMON = (
    HookQuery(kind="embedding", part="encoder"),
    HookQuery(kind="embedding", part="decoder"),
    HookQuery(kind="attention", part="decoder"),
    HookQuery(kind="logits", part="decoder"),
)
GRU = tuple(
    query
    for part in ("encoder", "decoder")
    for query in (
        HookQuery(kind="gate", role="reset", part=part, stage=None),
        HookQuery(kind="gate", role="update", part=part, stage=None),
        HookQuery(kind="candidate", part=part, stage=None),
        HookQuery(kind="hidden", part=part),
        HookQuery(kind="state", part=part),
    )
)
LSTM = tuple(
    query
    for part in ("encoder", "decoder")
    for query in (
        HookQuery(kind="gate", role="input", part=part, stage=None),
        HookQuery(kind="gate", role="forget", part=part, stage=None),
        HookQuery(kind="gate", role="output", part=part, stage=None),
        HookQuery(kind="candidate", part=part, stage=None),
        HookQuery(kind="cell", part=part),
        HookQuery(kind="hidden", part=part),
        HookQuery(kind="state", part=part),
    )
)

gru_seq2seq = ModelSpec(
    name="gru-seq2seq",
    summary="a GRU encoder-decoder with attention before the RNN, one layer a side",
    implementation="probekit_seq2seq.checkpoints:load_gru",
    params="probekit_seq2seq.params:GruParams",
    offers=(*GRU, *COMMON),
    data="lookup-tables",
    checkpoints=SHIPPED,
    trainer="seq2seq-training",
    trainer_params={"cell": "gru"},
    papers=(BAAN2019, HUPKES),
)

lstm_seq2seq = ModelSpec(
    name="lstm-seq2seq",
    summary="the same encoder-decoder with an LSTM; no trained weights come with it",
    implementation="probekit_seq2seq.checkpoints:load_lstm",
    params="probekit_seq2seq.params:LstmParams",
    offers=(*LSTM, *COMMON),
    data="lookup-tables",
    trainer="seq2seq-training",
    trainer_params={"cell": "lstm"},
    papers=(BAAN2019, HUPKES),
)

lookup_tables = DatasetSpec(
    name="lookup-tables",
    summary="apply one or two lookup tables to three bits: a test of compositionality",
    implementation="probekit_seq2seq.lookup:lookup_tables",
    params="probekit_seq2seq.params:LookupParams",
    labels=("split", "composition", "position", "table", "attention"),
    papers=(LISKA, BAAN2019),
)

seq2seq_training = AnalysisSpec(
    name="seq2seq-training",
    summary="train sequence-to-sequence models, with or without attentive guidance",
    implementation="probekit_seq2seq.trainer:Seq2SeqTraining",
    params="probekit_seq2seq.params:TrainingParams",
    labels=("attention",),
    trains=True,
    papers=(BAAN2019, HUPKES),
)
