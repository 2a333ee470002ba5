"""Networks with a known fault, and healthy ones, on which the diagnosis is judged."""
