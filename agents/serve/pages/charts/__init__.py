"""Own the charts: pure functions from figures and words to SVG text; import only markupsafe."""
