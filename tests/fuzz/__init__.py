"""Texts that nobody meant: they end with an exit code of ours, one printable line, in bounded time and memory.

`python -m pytest tests/fuzz` takes a minute, with `--full` ten. What is drawn is the same every time; a fault that is
found becomes a test beside what had it.
"""
