"""Published figures of continual learning, measured again by `tlx sequence`."""
