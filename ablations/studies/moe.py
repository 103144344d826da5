"""Sparse or dense? MM1, section 3.4."""

from ablations.studies.metrics import SHOTS_AND_TEXT
from ablations.studies.mm1_system import system
from ablations.study import Axis, Claim, Study

_DENSE = {"language.experts.count": 0}
_EVERY_2ND = {"language.experts.count": "max", "language.experts.every": 2}
_EVERY_4TH = {"language.experts.count": "max", "language.experts.every": 4}

STUDY = Study(
    name="moe",
    question="Does a mixture of experts beat a dense language model that is as large for each token?",
    lesson="Mixture-of-experts models beat dense ones of the same active size.",
    axes=(Axis("language.experts.count", "experts"), Axis("language.experts.every", "every n-th block")),
    metrics=(*SHOTS_AND_TEXT, "final/held_out_loss"),
    claims=(
        Claim(
            name="sparse-better-8-shot",
            text="8-shot average is higher with experts in every 2nd block than dense",
            metric="eval/average/8shot",
            kind="greater",
            left=_EVERY_2ND,
            right=_DENSE,
        ),
        Claim(
            name="sparse-lower-loss",
            text="held-out loss is lower with experts in every 2nd block than dense",
            metric="final/held_out_loss",
            kind="greater",
            left=_DENSE,
            right=_EVERY_2ND,
        ),
        Claim(
            name="sparser-lower-loss",
            text="held-out loss is lower with experts in every 2nd block than in every 4th",
            metric="final/held_out_loss",
            kind="greater",
            left=_EVERY_4TH,
            right=_EVERY_2ND,
        ),
    ),
    system=system,
    figure="bars",
    notes=(
        "Two experts for each token, together as wide as the dense feed-forward part; "
        "each language model has its own text pre-training of the same length."
    ),
)
