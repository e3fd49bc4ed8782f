"""tinyft: every fine-tuning method, small enough to read, proved against its closed form."""

__version__ = "0.1.0"
