"""Below DataParallel: what ranks agree on, their buffer, norms over all of them."""
