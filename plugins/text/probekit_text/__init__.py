"""Running text as a dataset: files, folders, JSON lines, and Hugging Face datasets on disk."""
