"""Does the size of the encoder matter? MM1, section 3.2 and Table 1."""

from ablations.studies.metrics import SHOTS_AND_TEXT
from ablations.studies.mm1_system import system
from ablations.study import Axis, Claim, Study

_LARGEST = {"encoder.width": "max", "encoder.depth": "max"}
_SMALLEST = {"encoder.width": "min", "encoder.depth": "min"}

STUDY = Study(
    name="encoder-size",
    question="How much does a larger image encoder bring at the same resolution?",
    lesson="A larger encoder brings a small gain, usually less than one point.",
    axes=(Axis("encoder.width", "width"), Axis("encoder.depth", "depth")),
    metrics=SHOTS_AND_TEXT,
    claims=(
        Claim(
            name="larger-is-better-0-shot",
            text="0-shot average is higher with the largest encoder than with the smallest",
            metric="eval/average/0shot",
            kind="greater",
            left=_LARGEST,
            right=_SMALLEST,
        ),
        Claim(
            name="larger-is-better-4-shot",
            text="4-shot average is higher with the largest encoder than with the smallest",
            metric="eval/average/4shot",
            kind="greater",
            left=_LARGEST,
            right=_SMALLEST,
        ),
        Claim(
            name="larger-is-better-8-shot",
            text="8-shot average is higher with the largest encoder than with the smallest",
            metric="eval/average/8shot",
            kind="greater",
            left=_LARGEST,
            right=_SMALLEST,
        ),
        Claim(
            name="reading-gains-little",
            text="reading text in images (8-shot) gains less than 10 points from the smallest to the largest encoder",
            metric="eval/sign-reading/8shot",
            kind="greater",
            left=_SMALLEST,
            right=_LARGEST,
            margin=-10.0,
        ),
    ),
    system=system,
    figure="bars",
    paper="encoder-size",
    notes=(
        "Each encoder is pre-trained for as many steps on the same pictures. The claims ask whether there is a gain;"
        " whether it is small is asked in the ranking, beside that of resolution."
    ),
)
