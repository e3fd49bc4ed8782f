"""What the chapters on costs need."""
