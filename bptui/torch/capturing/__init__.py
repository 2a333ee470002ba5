"""Recording one training step of a PyTorch program. Imports PyTorch: `bptui.torch` imports it when it is called."""
