"""Reading files of every format as tables of text."""
