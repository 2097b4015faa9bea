"""The oracle against cases computed by hand."""
