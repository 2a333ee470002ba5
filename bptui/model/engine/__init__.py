"""A Graph becomes numbers: planned, run, recorded, replayed."""
