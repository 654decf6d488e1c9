"""Pages' data: figures as plotly documents."""
