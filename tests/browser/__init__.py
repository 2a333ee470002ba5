"""Tests in a headless Chromium; they skip where there is none, or where the extra `serve` is not installed."""
