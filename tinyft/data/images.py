"""Photographs as networks want them: channels first, and the scale of their training.

x = (pixel / 255 - mean) / std      a mean and a standard deviation for each channel
"""

import numpy as np

SCALES = {  # name: (means, standard deviations) of red, green and blue
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),  # torchvision's
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),  # to [-1, 1]: Google's ViT
    "lite": ((127 / 255,) * 3, (128 / 255,) * 3),  # EfficientNet-Lite
}


def normalised(images, scale="imagenet"):
    """Images (N, H, W, 3) or one (H, W, 3), uint8, as float32 (N, 3, H, W).

    scale: "imagenet" (MobileNetV2, ResNet), "half" (ViT) or "lite" (EfficientNet-Lite):
    what the weights were trained with. Raises TypeError unless the pixels are bytes,
    ValueError for another shape or an unknown scale.
    """
    if scale not in SCALES:
        raise ValueError(
            f"normalised: the scale {scale!r} is not one of {', '.join(SCALES)}"
        )
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(
            f"normalised: expected pixels of 0 to 255 as uint8, got {images.dtype}; "
            "numbers from 0 to 1 are (255 * x).round().astype('uint8')"
        )
    images = images[None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(
            f"normalised: expected images (N, H, W, 3), got {images.shape}; grey ones "
            "(N, H, W) are x[..., None].repeat(3, -1)"
        )
    mean, std = np.array(SCALES[scale], "float32") * np.float32(255)
    return np.ascontiguousarray(((images - mean) / std).transpose(0, 3, 1, 2))
