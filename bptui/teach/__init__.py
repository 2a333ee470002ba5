"""Lessons: read, judged, kept. What a lesson says of numbers comes from the engine; nothing here knows a screen."""
