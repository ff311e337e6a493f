"""The reference that inference is compared with: how published detector projects answer for a picture.

Every picture is cut into overlapping square tiles, BlazeFace looks at each tile, boxes are mapped back and merged,
every face is cut out with a margin, resized and normalised by albumentations, and goes alone through
EfficientNetAutoAttB4 at 224 pixels in eager fp32 torch (the recipe of Bonettini et al., ICPR 2020, with mediapipe's
BlazeFace).
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from aletheia.faces.face import box_iou

SIZE = 224
MARGIN = 0.2
THRESHOLD = 0.75


class Reference:
    """Load everything, then answer picture by picture."""

    def __init__(self, bundle: str | Path) -> None:
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
        import albumentations
        import torch
        from albumentations.pytorch import ToTensorV2
        from mediapipe.python.solutions.face_detection import FaceDetection
        from torchvision import transforms  # published projects keep mean and deviation in its Normalize

        from aletheia.models.spec import read_spec

        self.torch, self.spec = torch, read_spec(bundle)
        self.network = published_network(Path(bundle) / "model.safetensors")
        self.faces = FaceDetection(model_selection=0)
        normal = transforms.Normalize(mean=self.spec.mean, std=self.spec.std)
        self.transform = albumentations.Compose(
            [albumentations.Resize(SIZE, SIZE), albumentations.Normalize(normal.mean, normal.std), ToTensorV2()]
        )

    def __call__(self, path: str) -> list[float]:
        """Probability of fake of every face."""
        image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        scores = []
        for x0, y0, x1, y1 in self._detect(image):
            width, height = (x1 - x0) * MARGIN, (y1 - y0) * MARGIN
            left, top = max(int(x0 - width), 0), max(int(y0 - height), 0)
            face = image[top : int(y1 + height), left : int(x1 + width)]
            if 0 in face.shape:
                continue
            with self.torch.no_grad():
                logit = self.network(self.transform(image=face)["image"][None]).item()
            scores.append(float(self.spec.calibration.probabilities(np.array([logit]))[0]))
        return scores

    def _detect(self, image: np.ndarray) -> list[np.ndarray]:
        found: list[tuple[float, np.ndarray]] = []
        for x, y, side in tiles(*image.shape[:2]):
            tile = np.ascontiguousarray(image[y : y + side, x : x + side])
            for detection in self.faces.process(tile).detections or []:
                box = detection.location_data.relative_bounding_box
                if detection.score[0] >= THRESHOLD:
                    corner = np.array([box.xmin, box.ymin]) * side + (x, y)
                    extent = np.array([box.width, box.height]) * side
                    found.append((detection.score[0], np.concatenate([corner, corner + extent])))
        found.sort(key=lambda pair: -pair[0])
        kept: list[np.ndarray] = []
        for _, box in found:
            if not kept or box_iou(box, np.stack(kept)).max() < 0.3:
                kept.append(box)
        return kept


def published_network(weights: Path):
    """EfficientNetAutoAttB4 on efficientnet-pytorch as it comes."""
    from efficientnet_pytorch import EfficientNet
    from safetensors.torch import load_file
    from torch import nn, sigmoid

    class AutoAttB4(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = EfficientNet.from_name("efficientnet-b4", num_classes=1)
            self.attention = nn.Conv2d(56, 1, 1)

        def forward(self, x):
            net = self.backbone
            x = net._swish(net._bn0(net._conv_stem(x)))
            for index, block in enumerate(net._blocks):
                x = block(x)
                if index == 9:
                    x = x * sigmoid(self.attention(x))
            x = net._swish(net._bn1(net._conv_head(x)))
            return net._fc(net._avg_pooling(x).flatten(start_dim=1)).squeeze(1)

    network = AutoAttB4()
    network.load_state_dict(load_file(weights))
    return network.eval()


def tiles(height: int, width: int) -> list[tuple[int, int, int]]:
    """Squares as large as the shorter side (720 pixels at most) that overlap by half: (x, y, side)."""
    side = min(height, width, 720)
    xs = sorted({*range(0, width - side + 1, max(side // 2, 1)), width - side})
    ys = sorted({*range(0, height - side + 1, max(side // 2, 1)), height - side})
    return [(x, y, side) for y in ys for x in xs]
