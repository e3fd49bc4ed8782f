"""Folders of models for images: ViT."""
