"""PyTorch beside bptui. PyTorch is imported only when something here is called."""
