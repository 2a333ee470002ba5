"""Speed, in ratios measured side by side in one run: `python -m benchmarks`. See `benchmarks/__main__.py`."""
