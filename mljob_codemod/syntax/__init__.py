"""From a file's bytes to records: the tree's positions, the walk that lowers it, and the scopes it opens."""
