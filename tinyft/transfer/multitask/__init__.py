"""Several tasks, one network: shared trunk, gradients in conflict, weights of losses."""
