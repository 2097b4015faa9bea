"""Commands that write what is generated from the code, and the figures that documents state."""
