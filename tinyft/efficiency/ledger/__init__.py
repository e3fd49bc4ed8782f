"""L4: a forward pass on paper: models and methods as sizes, FLOPs and what is kept."""
