"""Edits carried out on the concrete syntax tree, and the proof that nothing else has changed."""
