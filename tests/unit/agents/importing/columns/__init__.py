"""Numbers, dates and other values of one column, and how the column decides between two readings."""
