"""Freeze or train? MM1, sections 3.1 and 4."""

from ablations.studies.metrics import SHOTS_AND_TEXT, TEXT
from ablations.studies.mm1_system import system
from ablations.study import Axis, Claim, Study

STUDY = Study(
    name="unfreezing",
    question="Should the encoder and the language model be trained along, or kept frozen?",
    lesson="Pre-training keeps everything unfrozen.",
    axes=(Axis("encoder.frozen", "encoder frozen"), Axis("language.frozen", "LM frozen")),
    metrics=SHOTS_AND_TEXT,
    claims=(
        Claim(
            name="training-both-beats-frozen-lm",
            text="8-shot average is higher with everything trained than with the language model frozen",
            metric="eval/average/8shot",
            kind="greater",
            left={"encoder.frozen": False, "language.frozen": False},
            right={"encoder.frozen": False, "language.frozen": True},
        ),
        Claim(
            name="training-both-beats-frozen-encoder",
            text="8-shot average is higher with everything trained than with the encoder frozen",
            metric="eval/average/8shot",
            kind="greater",
            left={"encoder.frozen": False, "language.frozen": False},
            right={"encoder.frozen": True, "language.frozen": False},
        ),
        Claim(
            name="training-both-beats-frozen-both",
            text="8-shot average is higher with everything trained than with only the connector trained",
            metric="eval/average/8shot",
            kind="greater",
            left={"encoder.frozen": False, "language.frozen": False},
            right={"encoder.frozen": True, "language.frozen": True},
        ),
        Claim(
            name="text-kept",
            text="text-only ability is the same whether or not the language model is trained (within 2 points)",
            metric=TEXT,
            kind="equivalent",
            left={"language.frozen": False},
            right={"language.frozen": True},
            margin=2.0,
        ),
    ),
    system=system,
    figure="bars",
    notes="The paper trains everything and publishes no table of it.",
)
