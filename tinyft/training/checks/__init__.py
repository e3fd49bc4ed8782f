"""What a run is given and what it computes, looked at: arguments, parts, finite values."""
