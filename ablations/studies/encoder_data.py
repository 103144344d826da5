"""Do synthetic captions help the encoder? MM1, section 3.2 and Table 1."""

from ablations.studies.metrics import SHOTS_AND_TEXT
from ablations.studies.mm1_system import system
from ablations.study import Axis, Claim, Study

_FIELD = "encoder.pretraining.synthetic_share"

STUDY = Study(
    name="encoder-data",
    question="Does an encoder pre-trained with synthetic captions beside alt-text serve the language model better?",
    lesson="Synthetic captions in the encoder's pre-training bring a small gain, above all with examples.",
    axes=(Axis("encoder.pretraining.synthetic_share", "synthetic captions"),),
    metrics=SHOTS_AND_TEXT,
    claims=(
        Claim(
            name="synthetic-helps-4-shot",
            text="4-shot average is higher with synthetic captions in the encoder's pre-training than without",
            metric="eval/average/4shot",
            kind="greater",
            left={_FIELD: "max"},
            right={_FIELD: "min"},
        ),
        Claim(
            name="synthetic-helps-8-shot",
            text="8-shot average is higher with synthetic captions in the encoder's pre-training than without",
            metric="eval/average/8shot",
            kind="greater",
            left={_FIELD: "max"},
            right={_FIELD: "min"},
        ),
    ),
    system=system,
    figure="bars",
    paper="encoder-data",
    notes="Pictures, order and number of pairs are the same; only the captions differ.",
)
