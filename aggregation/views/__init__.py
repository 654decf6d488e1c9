"""Pages of training jobs and their rounds."""
