"""How much text-only data? MM1, section 3.3 and Figure 5c."""

from ablations.studies.metrics import SHOTS_AND_TEXT, TEXT
from ablations.studies.mm1_system import system
from ablations.study import Axis, Claim, Study

_NONE = {"data.mix": {"captions": 50.0, "interleaved": 50.0}}
_SOME = {"data.mix": {"captions": 45.5, "interleaved": 45.5, "text": 9.0}}
_MUCH = {"data.mix": {"captions": 33.0, "interleaved": 33.0, "text": 33.0}}

STUDY = Study(
    name="image-text-ratio",
    question="How much text-only data keeps text ability without costing visual ability?",
    lesson="A careful mixture of image and text data is best for images and keeps strong text performance.",
    axes=(Axis("data.mix", "image/text"),),
    metrics=SHOTS_AND_TEXT,
    claims=(
        Claim(
            name="some-text-keeps-text",
            text="text-only ability is higher at 91/9 than without text-only data",
            metric=TEXT,
            kind="greater",
            left=_SOME,
            right=_NONE,
        ),
        Claim(
            name="some-text-costs-nothing-8-shot",
            text="8-shot average at 91/9 is that without text-only data (within 10 points)",
            metric="eval/average/8shot",
            kind="equivalent",
            left=_SOME,
            right=_NONE,
            margin=10.0,
        ),
        Claim(
            name="much-text-costs-8-shot",
            text="8-shot average is higher at 91/9 than at 66/33",
            metric="eval/average/8shot",
            kind="greater",
            left=_SOME,
            right=_MUCH,
        ),
    ),
    system=system,
    paper="image-text-ratio",
    notes="The image part is half captions, half interleaved documents.",
)
