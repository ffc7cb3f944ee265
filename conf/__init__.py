"""The groups that compose a run; packaged as `tlx.conf`."""
