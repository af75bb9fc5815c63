"""LSTM language models: every gate, cell and hidden state hooked."""
