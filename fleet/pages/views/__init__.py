"""Pages that belong to no single entity: overview, search, settings, and the places that are still empty."""
