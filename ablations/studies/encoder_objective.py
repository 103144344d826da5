"""Contrastive or reconstructive encoders? MM1, section 3.2 and Table 1."""

from ablations.studies.metrics import SHOTS_AND_TEXT
from ablations.studies.mm1_system import system
from ablations.study import Axis, Claim, Study

_FIELD = "encoder.pretraining.objective"

STUDY = Study(
    name="encoder-objective",
    question="Does it matter whether the image encoder learned by contrast with captions or by predicting pixels?",
    lesson="Contrastive encoders are usually ahead of reconstructive ones; size and data are confounded there.",
    axes=(Axis("encoder.pretraining.objective", "objective"),),
    metrics=SHOTS_AND_TEXT,
    claims=(
        Claim(
            name="contrastive-ahead-0-shot",
            text="0-shot average is higher with the contrastive encoder",
            metric="eval/average/0shot",
            kind="greater",
            left={_FIELD: "contrastive"},
            right={_FIELD: "autoregressive"},
        ),
        Claim(
            name="contrastive-ahead-4-shot",
            text="4-shot average is higher with the contrastive encoder",
            metric="eval/average/4shot",
            kind="greater",
            left={_FIELD: "contrastive"},
            right={_FIELD: "autoregressive"},
        ),
        Claim(
            name="contrastive-ahead-8-shot",
            text="8-shot average is higher with the contrastive encoder",
            metric="eval/average/8shot",
            kind="greater",
            left={_FIELD: "contrastive"},
            right={_FIELD: "autoregressive"},
        ),
    ),
    system=system,
    figure="bars",
    paper="encoder-objective",
    notes="The same trunk, pictures, order, steps and batch in both arms; the paper's differ in size and data too.",
)
