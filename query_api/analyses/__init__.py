"""The analyses: each a question (a model), an answer, and how the one becomes the other."""
