"""The published g2p-en network (letters to phonemes) as a Model, and English words to ask it."""
