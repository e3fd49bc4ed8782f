"""What makes the operations fast: pieces that stay in the cache, windows as views."""
