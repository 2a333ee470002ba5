"""The proof of the checker: mistakes that are known to be mistakes, each planted in a row and then looked for.

backward.py, definitions.py, steps.py   the corpus, one short row per mistake
plant.py                                how a mistake gets into a row, and what the check says of it
data.py                                 numbers that tell mistakes apart
page.py                                 docs/faults.md: which row of the check caught which
"""
