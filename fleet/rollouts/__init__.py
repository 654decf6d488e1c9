"""What runs where: sharding plans, their pushes, and how far each node has come."""
