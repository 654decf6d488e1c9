"""Pages of sharding plans and their pushes."""
