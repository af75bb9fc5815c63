"""A byte-level BPE tokenizer of OPT's kind, made from text.

A word has the same ids wherever it stands: the first of a text gets a space before it too.
"""

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from probekit.errors import ProbekitError

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # OPT's, in the order of their ids
PAD, BOS = 1, 2


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A tokenizer with so many tokens, `</s>` (id 2) before every text as OPT has it.

    Raises ProbekitError where the texts hold too few pairs for that many tokens.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="</s> $A", special_tokens=[("</s>", BOS)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() != vocabulary:
        raise ProbekitError(
            f"the corpus yields {tokenizer.get_vocab_size()} tokens, not {vocabulary}; give more"
            " text or a smaller vocabulary."
        )
    return tokenizer
