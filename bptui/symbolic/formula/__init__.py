"""Formulas: read, kept as trees, printed as text and LaTeX, evaluated. No SymPy in here."""
