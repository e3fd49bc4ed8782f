"""L4: one model from several of one shape: interpolation, soups, task vectors."""
