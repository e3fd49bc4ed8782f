"""What chapters 24 and 24b need: preferences and policy gradients."""
