"""What single neurons of a language model do: dead, n-gram, suppressing and positional ones."""
