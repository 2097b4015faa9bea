"""The programs that Goldstream is compared with: each does the segment stage's job, or the whole path, on its engine.

They import nothing of the product.
"""
