"""Small random models in folders as Hugging Face writes them, for tests."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import torch
from probekit_opt.bpe import train_tokenizer
from transformers import OPTConfig, OPTForCausalLM, PreTrainedTokenizerFast

from probekit.dataset import Example, ListDataset

SENTENCES = (
    "the boys near the car greet",
    "the boy near the cars likes the big dog of the farmer",
    "a dog",
    "the farmers behind the house know that the dogs like the boy , says the woman",
)
VOCABULARY = 325
LAYOUTS = {
    "pre-norm": {},
    "post-norm": {"do_layer_norm_before": False, "word_embed_proj_dim": 8},
    "without positions": {"positions": "none"},
    "gelu": {"activation_function": "gelu"},
    "post-norm alone": {"do_layer_norm_before": False},
    "projected": {"word_embed_proj_dim": 8},
}


def config(**changes):
    sizes = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "word_embed_proj_dim": 16,
        "num_hidden_layers": 3,
        "ffn_dim": 24,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
        "dropout": 0.0,
        "attention_dropout": 0.0,
        "init_std": 0.3,
    }
    return OPTConfig(**sizes | changes)


def opt(seed=0, **changes):
    """A random OPT with biases and norms that are not trivial."""
    torch.manual_seed(seed)
    model = OPTForCausalLM(config(**changes)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 1:
                weight.add_(torch.randn_like(weight) * 0.2)
            if "embed_positions" in name and changes.get("positions") == "none":
                weight.zero_()
    return model


@cache
def tokenizer():
    own = train_tokenizer(SENTENCES * 3, VOCABULARY)
    return PreTrainedTokenizerFast(
        tokenizer_object=own,
        bos_token="</s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )


def save(model, folder, shard="5GB", text=True):
    """Write a model and its tokenizer."""
    model.save_pretrained(folder, max_shard_size=shard)
    if text:
        tokenizer().save_pretrained(folder)
    return str(folder)


@cache
def folder(layout="pre-norm", shard="5GB"):
    """The folder of a random OPT of that layout, made once."""
    return save(opt(**LAYOUTS[layout]), Path(mkdtemp()), shard)


def sentences():
    return ListDataset(
        [Example(tuple(one.split()), source=f"line {at}") for at, one in enumerate(SENTENCES)]
    )


@cache
def text():
    """A file with a text to train on."""
    path = Path(mkdtemp()) / "text.txt"
    path.write_text("\n\n".join(SENTENCES * 20))
    return str(path)
