"""L4: BatchNorm under transfer: which statistics, from which data, and what trains."""
