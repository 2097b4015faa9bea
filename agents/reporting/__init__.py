"""What campaigns brought: outcomes summed by campaign and group, and what can be told from the sums.

`sums` adds up exactly, `uplift` compares two groups by statistics (scipy, which comes with the extra `report`),
`report` puts both together, `reading` takes the outcomes from Kafka, `shown` draws the report in a terminal.
"""
