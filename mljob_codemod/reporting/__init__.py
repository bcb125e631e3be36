"""Reports: one module each, from what a run found to what a reader, person or program, is given."""
