"""The projection in Redis, whatever Redis does."""
