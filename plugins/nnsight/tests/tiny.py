"""Small random networks: Hugging Face models in folders, and a torch module of one's own."""

from functools import cache
from tempfile import mkdtemp

import torch
from probekit_opt.bpe import train_tokenizer
from torch import nn
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedTokenizerFast,
)

from probekit.dataset import Example, ListDataset

SENTENCES = (
    "the boys near the car greet",
    "the boy near the cars likes the big dog of the farmer",
    "a dog",
    "the farmers behind the house know that the dogs like the boy , says the woman",
)
VOCABULARY = 325
SMALL = {"vocab_size": VOCABULARY, "hidden_size": 16, "num_hidden_layers": 2}


def opt(**changes):
    sizes = SMALL | {
        "ffn_dim": 24, "num_attention_heads": 2, "max_position_embeddings": 64,
        "word_embed_proj_dim": 16, "init_std": 0.3,
    }  # fmt: skip
    return OPTForCausalLM(OPTConfig(**sizes | changes))


MAKERS = {
    "opt": opt,
    "post-norm": lambda: opt(do_layer_norm_before=False, word_embed_proj_dim=8),
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCABULARY, n_embd=16, n_layer=2, n_head=2, n_positions=64)
    ),
    "pythia": lambda: GPTNeoXForCausalLM(
        GPTNeoXConfig(**SMALL, intermediate_size=24, num_attention_heads=2)
    ),
    "llama": lambda: LlamaForCausalLM(
        LlamaConfig(
            **SMALL, intermediate_size=24, num_attention_heads=2, max_position_embeddings=64
        )
    ),
}


@cache
def folder(kind):
    """The folder of a random model with its tokenizer, made once."""
    torch.manual_seed(0)
    model, place = MAKERS[kind]().eval(), mkdtemp()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    model.save_pretrained(place)
    tokenizer = train_tokenizer(SENTENCES * 3, VOCABULARY)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="</s>", eos_token="</s>", pad_token="<pad>"
    ).save_pretrained(place)
    return place


def sentences():
    return ListDataset([Example(tuple(one.split())) for one in SENTENCES])


class Mixer(nn.Module):
    """A network of its own kind: running means of embeddings, a layer, a head."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, 8)
        self.up, self.down = nn.Linear(8, 12), nn.Linear(12, 8)
        self.head = nn.Linear(8, VOCABULARY)

    def forward(self, ids):
        state = self.embed(ids).cumsum(1) / torch.arange(1, ids.shape[1] + 1)[:, None]
        return self.head(state + self.down(torch.relu(self.up(state))))


def mixer():
    """What `model.module` names."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Mixer()
