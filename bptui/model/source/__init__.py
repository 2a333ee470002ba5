"""Text, file or Python operators become a Graph."""
