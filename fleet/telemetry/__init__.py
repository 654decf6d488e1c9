"""What was measured: streams of samples, their storage and the live path to the pages."""
