"""The ops: each checks its arguments, computes through a backend, and brings its gradient. One
file per stem.
"""
