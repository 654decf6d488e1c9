"""Pure mathematics and tables of legal moves; no Django."""
