"""Records of topics: valid ones of every kind, their schemas, and how tests publish and read them."""
