"""`goldstream serve`: its life, its documents, look-ups and streams."""
