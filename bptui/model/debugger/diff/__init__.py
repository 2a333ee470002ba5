"""Two runs of a training step held against each other: which operation is the first that is apart, and why.

A run is any Recording: a captured step, or a step of this engine. Nothing here imports torch.
"""
