"""Does image resolution matter? MM1, section 3.2 and Table 1."""

from ablations.studies.metrics import SHOTS_AND_TEXT, TEXT
from ablations.studies.mm1_system import system
from ablations.study import Axis, Claim, Study

_FIELD = "encoder.resolution"

STUDY = Study(
    name="encoder-resolution",
    question="How much does the resolution of the image encoder matter, all else equal?",
    lesson="A higher image resolution brings a large gain: about three points from 224 to 336 px.",
    axes=(Axis(_FIELD, "resolution", "px"),),
    metrics=SHOTS_AND_TEXT,
    claims=(
        *(
            Claim(
                name=f"higher-is-better-{k}-shot",
                text=f"{k}-shot average is higher at the highest resolution than at the lowest",
                metric=f"eval/average/{k}shot",
                kind="greater",
                left={_FIELD: "max"},
                right={_FIELD: "min"},
            )
            for k in (0, 4, 8)
        ),
        Claim(
            name="fine-print",
            text="reading text in images (8-shot) gains at least 10 points from the lowest to the highest resolution",
            metric="eval/sign-reading/8shot",
            kind="greater",
            left={_FIELD: "max"},
            right={_FIELD: "min"},
            margin=10.0,
        ),
        Claim(
            name="text-unaffected",
            text="text-only ability does not depend on resolution (within 2 points)",
            metric=TEXT,
            kind="equivalent",
            left={_FIELD: "max"},
            right={_FIELD: "min"},
            margin=2.0,
        ),
    ),
    system=system,
    paper="encoder",
    notes="Image tokens are held fixed by the connector, as in the paper, so only what the encoder sees changes.",
)
