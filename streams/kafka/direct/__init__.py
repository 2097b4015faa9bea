"""Own the connection for the requests that every batch makes: produce and fetch, encoded without aiokafka's objects.

Import `streams.kafka` beside it, aiokafka.
"""
