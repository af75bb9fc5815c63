"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.specs import DatasetSpec, ModelSpec, Paper
from probekit_g2p.params import PUBLISHED

PARK = Paper(
    key="park2019",
    citation="Park and Kim (2019). g2pE: a Python module for English grapheme to phoneme.",
    url="https://github.com/Kyubyong/g2p",
)

g2p_en = ModelSpec(
    name="g2p-en",
    summary="a published GRU encoder-decoder from the letters of English words to their phonemes",
    implementation="probekit_g2p.checkpoints:load",
    params="probekit_g2p.params:G2pParams",
    offers=(
        *(
            query
            for part in ("encoder", "decoder")
            for query in (
                HookQuery(kind="embedding", part=part),
                HookQuery(kind="gate", role="reset", part=part, stage=None),
                HookQuery(kind="gate", role="update", part=part, stage=None),
                HookQuery(kind="candidate", part=part, stage=None),
                HookQuery(kind="hidden", part=part),
                HookQuery(kind="state", part=part),
            )
        ),
        HookQuery(kind="logits", part="decoder"),
    ),
    data="spelling",
    checkpoints={PUBLISHED: "g2p-en 2.1.0; needs `pip install --no-deps g2p-en==2.1.0`"},
    papers=(PARK,),
)

spelling = DatasetSpec(
    name="spelling",
    summary="English words, letter by letter, with their phonemes",
    implementation="probekit_g2p.spelling:spelling",
    params="probekit_g2p.params:SpellingParams",
    labels=("letter", "kind", "position", "position_from_end", "length"),
    papers=(PARK,),
)
