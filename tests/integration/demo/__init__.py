"""The demo, the embedded servers it runs on, and the examples of the README."""
