"""What a check is made of: comparing, naming a mistake, the answer as a check sees it."""
