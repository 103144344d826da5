"""What matters in the connector? MM1, section 3.2 and Figure 4."""

from ablations.studies.metrics import SHOTS_AND_TEXT
from ablations.studies.mm1_system import system
from ablations.study import Axis, Claim, Study

_MARGIN = 10.0
"""Points of the 8-shot average; about a twentieth of it at micro scale, as 3 of 60 are at the paper's."""

STUDY = Study(
    name="connector",
    question="Does the type of connector matter, or only how many image tokens it gives and what resolution it reads?",
    lesson="The number of visual tokens and the image resolution matter most; the type of connector has little effect.",
    axes=(
        Axis("connector.type", "connector"),
        Axis("connector.tokens", "image tokens"),
        Axis("encoder.resolution", "resolution", "px"),
    ),
    metrics=SHOTS_AND_TEXT,
    claims=(
        Claim(
            name="more-tokens-are-better",
            text="8-shot average is higher with the most image tokens than with the fewest",
            metric="eval/average/8shot",
            kind="greater",
            left={"connector.tokens": "max"},
            right={"connector.tokens": "min"},
        ),
        Claim(
            name="higher-resolution-is-better",
            text="8-shot average is higher at the highest resolution than at the lowest",
            metric="eval/average/8shot",
            kind="greater",
            left={"encoder.resolution": "max"},
            right={"encoder.resolution": "min"},
        ),
        Claim(
            name="average-pool-as-attention-pool",
            text="average-pool and attention-pool are equal at 8-shot (within 10 points)",
            metric="eval/average/8shot",
            kind="equivalent",
            left={"connector.type": "average-pool"},
            right={"connector.type": "attention-pool"},
            margin=_MARGIN,
        ),
        Claim(
            name="average-pool-as-c-abstractor",
            text="average-pool and c-abstractor are equal at 8-shot (within 10 points)",
            metric="eval/average/8shot",
            kind="equivalent",
            left={"connector.type": "average-pool"},
            right={"connector.type": "c-abstractor"},
            margin=_MARGIN,
        ),
        Claim(
            name="attention-pool-as-c-abstractor",
            text="attention-pool and c-abstractor are equal at 8-shot (within 10 points)",
            metric="eval/average/8shot",
            kind="equivalent",
            left={"connector.type": "attention-pool"},
            right={"connector.type": "c-abstractor"},
            margin=_MARGIN,
        ),
    ),
    system=system,
    figure="bars",
    paper="connector",
    notes=(
        "Claims about one axis are paired over the two others. A short run is biased against connectors with more to "
        "learn: the C-Abstractor's authors see it ahead of an MLP only after about 10,000 steps."
    ),
)
