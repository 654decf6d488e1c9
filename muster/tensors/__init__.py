"""Files of tensors: read without trust, written the same every time."""
