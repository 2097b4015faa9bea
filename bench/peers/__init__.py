"""The programs beside Goldstream: each does the segment stage's job, or the whole path, as a user of its engine would.

They import nothing of the product.
"""
