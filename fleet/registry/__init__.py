"""What there is: nodes and how they are now."""
