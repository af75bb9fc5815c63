"""The published equations in plain numpy, one word at a time, reading the arrays of the .npz."""

import numpy as np

LETTERS = ["<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]
START, END = 2, 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_step(arrays, side, x, h):
    """r, z, n = the three thirds; h' = (1 - z) n + z h, n = tanh(W x + b + r (U h + c))."""
    from_x = arrays[f"{side}_w_ih"] @ x + arrays[f"{side}_b_ih"]
    from_h = arrays[f"{side}_w_hh"] @ h + arrays[f"{side}_b_hh"]
    x_r, x_z, x_n = np.split(from_x, 3)
    h_r, h_z, h_n = np.split(from_h, 3)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    n = np.tanh(x_n + r * h_n)
    return (1 - z) * n + z * h


def read(arrays, word):
    """The encoder's states, one a letter and one for the end, `[pos, unit]`."""
    h, states = np.zeros(arrays["enc_w_hh"].shape[1]), []
    for letter in [*word, "</s>"]:
        index = LETTERS.index(letter) if letter in LETTERS else 1
        h = gru_step(arrays, "enc", arrays["enc_emb"][index], h)
        states.append(h)
    return np.array(states)


def write(arrays, h, forced=None, steps=20, off=None):
    """Phoneme ids without the end, and the logits of each step, `[pos, phoneme]`.

    `forced` are the ids fed instead of those said; unit `off` is zero after every step.
    """
    said, logits, last = [], [], START
    for t in range(steps):
        h = gru_step(arrays, "dec", arrays["dec_emb"][last], h)
        if off is not None:
            h[off] = 0
        logits.append(arrays["fc_w"] @ h + arrays["fc_b"])
        best = int(np.argmax(logits[-1]))
        if forced is None and best == END:
            break
        said.append(best)
        last = best if forced is None else forced[t]
    return said, np.array(logits)


def arrays_of(model):
    """The weights of a model under the names of the .npz, in double precision."""
    from probekit_g2p.checkpoints import NAMES

    state = model.state_dict()
    return {name: state[own].double().numpy() for name, own in NAMES.items()}
