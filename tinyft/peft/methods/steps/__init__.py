"""LoRA with another step: functions of the adapter, called beside the optimiser."""
