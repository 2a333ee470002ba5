"""Lessons, questions and their judging, progress; what explorers and the playground compute. No Textual."""
