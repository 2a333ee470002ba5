"""Where the search through time may end, and how it reads the training steps."""
