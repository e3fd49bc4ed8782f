"""LoRA from another start that data choose: inputs or the gradient of the first steps."""
