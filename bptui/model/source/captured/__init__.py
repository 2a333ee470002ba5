"""A training step that another framework ran, from its file: the record, and how it becomes a Graph and a Recording.
Standard library and NumPy only."""
