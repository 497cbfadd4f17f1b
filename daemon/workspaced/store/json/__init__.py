"""The JSON store: two files, replaced by rename, and the history beside them."""
