"""Does text-only data help? MM1, section 3.3 and Figure 5b."""

from ablations.studies.metrics import SHOTS_AND_TEXT, TEXT
from ablations.studies.mm1_system import system
from ablations.study import Axis, Claim, Study

CAPTIONS = {"data.mix": {"captions": 100.0}}
CAPTIONS_TEXT = {"data.mix": {"captions": 90.0, "text": 10.0}}
INTERLEAVED = {"data.mix": {"interleaved": 100.0}}
INTERLEAVED_TEXT = {"data.mix": {"interleaved": 90.0, "text": 10.0}}

STUDY = Study(
    name="text-only",
    question="What does text-only data do for text ability and for few-shot performance?",
    lesson="Text-only data helps with few-shot and text-only performance.",
    axes=(Axis("data.mix", "data"),),
    metrics=SHOTS_AND_TEXT,
    claims=(
        Claim(
            name="text-keeps-text-with-captions",
            text="text-only ability is higher with text beside captions than on captions alone",
            metric=TEXT,
            kind="greater",
            left=CAPTIONS_TEXT,
            right=CAPTIONS,
        ),
        Claim(
            name="text-keeps-text-with-interleaved",
            text="text-only ability is higher with text beside interleaved documents than on these alone",
            metric=TEXT,
            kind="greater",
            left=INTERLEAVED_TEXT,
            right=INTERLEAVED,
        ),
        Claim(
            name="text-helps-few-shot-with-captions",
            text="8-shot average is higher with text beside captions than on captions alone",
            metric="eval/average/8shot",
            kind="greater",
            left=CAPTIONS_TEXT,
            right=CAPTIONS,
        ),
        Claim(
            name="text-helps-few-shot-with-interleaved",
            text="8-shot average is higher with text beside interleaved documents than on these alone",
            metric="eval/average/8shot",
            kind="greater",
            left=INTERLEAVED_TEXT,
            right=INTERLEAVED,
        ),
    ),
    system=system,
    paper="text-only",
    notes=(
        "A tenth of the sequences is text where there is any. The paper's "
        "own figure shows no few-shot gain for interleaved documents."
    ),
)
