"""Networks for images beside the ResNets: MobileNetV2, EfficientNet-Lite0, ViT."""
