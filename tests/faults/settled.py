"""Imported last by a fork server: its children leave what it has loaded to it.

A collection of garbage in a child would look through all of that, and write to its pages, which
are shared with the server until then.
"""

import gc

gc.collect()
gc.freeze()
