"""Whatever arrives: published records, requests, files, texts."""
