"""What a run consists of, and whether its parts and its values are fit to be used."""
