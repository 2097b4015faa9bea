"""`goldstream replay`: the journal under another prefix."""
