"""What the records of a script and its modules mean: names, options, paths and values, how it starts."""
