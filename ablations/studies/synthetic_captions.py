"""Do synthetic captions help in pre-training? MM1, section 3.3 and Figure 5d."""

from ablations.studies.metrics import SHOTS_AND_TEXT
from ablations.studies.mm1_system import system
from ablations.study import Axis, Claim, Study

_FIELD = "data.synthetic_share"

STUDY = Study(
    name="synthetic-captions",
    question="Do synthetic captions in the multimodal data help few-shot performance?",
    lesson="Synthetic captions help few-shot learning.",
    axes=(Axis("data.synthetic_share", "synthetic captions"),),
    metrics=SHOTS_AND_TEXT,
    claims=(
        Claim(
            name="synthetic-helps-4-shot",
            text="4-shot average is higher with the largest share of synthetic captions than without any",
            metric="eval/average/4shot",
            kind="greater",
            left={_FIELD: "max"},
            right={_FIELD: "min"},
        ),
        Claim(
            name="synthetic-helps-8-shot",
            text="8-shot average is higher with the largest share of synthetic captions than without any",
            metric="eval/average/8shot",
            kind="greater",
            left={_FIELD: "max"},
            right={_FIELD: "min"},
        ),
    ),
    system=system,
    figure="bars",
    paper="synthetic-captions",
    notes=(
        "Pictures, order and number of captions are the same; synthetic captions stand "
        "in the place of alt-text. In the paper they are 7 % of the caption data."
    ),
)
