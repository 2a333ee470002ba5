"""Training programs with one fault each, as somebody writes them; with the argument `repaired` each runs without it."""
