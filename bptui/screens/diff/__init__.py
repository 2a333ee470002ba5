"""The screen of `bptui diff`: two runs of a training step, place by place."""
