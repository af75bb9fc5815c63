"""The letters and phonemes of g2p-en, in the order of its ids."""

PAD, UNKNOWN, START, END = "<pad>", "<unk>", "<s>", "</s>"

VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
CONSONANTS = (
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N",
    "NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
STRESSED = tuple(f"{vowel}{stress}" for vowel in VOWELS for stress in range(3))

LETTERS = (PAD, UNKNOWN, END, *"abcdefghijklmnopqrstuvwxyz")
PHONEMES = (PAD, UNKNOWN, START, END, *sorted((*STRESSED, *CONSONANTS, "UW")))

LONGEST = 20  # steps of an answer, the closing </s> among them
