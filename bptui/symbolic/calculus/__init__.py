"""From a definition's text to its derivative in closed form, and to numbers of it. This is where SymPy is."""
