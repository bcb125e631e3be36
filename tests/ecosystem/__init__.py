"""Converting real projects, and checking what a reader of the diffs relies on.

``python -m tests.ecosystem DIR…`` works on copies of the folders.
"""
