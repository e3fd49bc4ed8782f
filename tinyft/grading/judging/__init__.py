"""The judges: a process for each job, which asks the answers and checks their values."""
