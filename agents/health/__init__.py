"""The totals of the day: one record for each day and partition, added up for Redis and for `goldstream health`.

`sums` adds the partitions, `projection` keeps the sums in Redis, `reading` takes the days from Kafka, `figures` derives
shares and average checks, `shown` draws them in a terminal.
"""
