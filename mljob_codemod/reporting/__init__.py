"""Reports: one module each, from what the engine found to what a reader, person or program, is given."""
