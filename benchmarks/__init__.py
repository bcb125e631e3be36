"""How long ``check`` takes, and how much memory, against LibCST's own parser.

``README.md`` beside this file says how to run the programs and what they measured.
"""
