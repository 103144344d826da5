"""Image encoders: images (N, 3, R, R) -> patch features (N, L, D) and their grid (h, w)."""

from mm1.registry import Registry

encoders = Registry("encoder", group="mm1.encoders")
encoders.register("vit", "mm1.encoders.vit:VisionTransformer")

objectives = Registry("objective", group="mm1.objectives")
objectives.register("contrastive", "mm1.encoders.contrastive:ContrastivePair")
objectives.register("autoregressive", "mm1.encoders.autoregressive:AutoregressivePixels")
