"""The columns that the studies share: what MM1's tables report."""

SHOTS = tuple(f"eval/average/{k}shot" for k in (0, 4, 8))
"""The plain average of the eight visual benchmarks, by number of examples."""

TEXT = "eval/text/average"
"""The text-only suite that stands for TextCore."""

SHOTS_AND_TEXT = (*SHOTS, TEXT)
