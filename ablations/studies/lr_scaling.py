"""How does the best learning rate scale with size? MM1, section 3.4 and Figure 6."""

from ablations.studies.metrics import SHOTS_AND_TEXT
from ablations.studies.mm1_system import system
from ablations.study import Axis, Claim, Optimum, Study

STUDY = Study(
    name="lr-scaling",
    question="How does the best peak learning rate depend on the size of the language model?",
    lesson="The best learning rate falls with size as a power law.",
    axes=(
        Axis("language.width", "width"),
        Axis("language.depth", "depth"),
        Axis("training.learning_rate", "learning rate"),
    ),
    metrics=("final/held_out_loss", *SHOTS_AND_TEXT),
    claims=(
        Claim(
            name="falls-with-size",
            text="the best learning rate (log10) is higher for the smallest language model than for the largest",
            metric="best/log10",
            kind="greater",
            left={"language.width": "min", "language.depth": "min"},
            right={"language.width": "max", "language.depth": "max"},
        ),
    ),
    system=system,
    optimum=Optimum("training.learning_rate", "final/held_out_loss"),
    notes="Weight decay is tied to a tenth of the learning rate, as in the paper. Best is lowest held-out loss.",
)
