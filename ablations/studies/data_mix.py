"""Captions or interleaved documents? MM1, section 3.3 and Figure 5a."""

from ablations.studies.metrics import SHOTS_AND_TEXT, TEXT
from ablations.studies.mm1_system import system
from ablations.study import Axis, Claim, Study

_CAPTIONS = {"data.mix": {"captions": 100.0}}
_INTERLEAVED = {"data.mix": {"interleaved": 100.0}}
_HALF = {"data.mix": {"captions": 50.0, "interleaved": 50.0}}

STUDY = Study(
    name="data-mix",
    question="How do captions and interleaved documents trade zero-shot against few-shot and text ability?",
    lesson="Interleaved data drives few-shot and text-only performance; captions lift zero-shot performance.",
    axes=(Axis("data.mix", "captions/interleaved"),),
    metrics=SHOTS_AND_TEXT,
    claims=(
        Claim(
            name="captions-lift-zero-shot",
            text="0-shot average is higher on captions alone than on interleaved documents alone",
            metric="eval/average/0shot",
            kind="greater",
            left=_CAPTIONS,
            right=_INTERLEAVED,
        ),
        Claim(
            name="captions-lift-zero-shot-captioning",
            text="0-shot captioning (CIDEr) is higher on captions alone than on interleaved documents alone",
            metric="eval/captions/0shot",
            kind="greater",
            left=_CAPTIONS,
            right=_INTERLEAVED,
        ),
        Claim(
            name="interleaved-lifts-4-shot",
            text="4-shot average is higher on interleaved documents alone than on captions alone",
            metric="eval/average/4shot",
            kind="greater",
            left=_INTERLEAVED,
            right=_CAPTIONS,
        ),
        Claim(
            name="interleaved-lifts-8-shot",
            text="8-shot average is higher on interleaved documents alone than on captions alone",
            metric="eval/average/8shot",
            kind="greater",
            left=_INTERLEAVED,
            right=_CAPTIONS,
        ),
        Claim(
            name="interleaved-keeps-text",
            text="text-only ability is higher on interleaved documents alone than on captions alone",
            metric=TEXT,
            kind="greater",
            left=_INTERLEAVED,
            right=_CAPTIONS,
        ),
        Claim(
            name="half-beats-captions-8-shot",
            text="8-shot average is higher on a half-and-half mix than on captions alone",
            metric="eval/average/8shot",
            kind="greater",
            left=_HALF,
            right=_CAPTIONS,
        ),
    ),
    system=system,
    paper="caption-interleaved",
    notes="No text-only data in any arm, as in the paper. Weights are over packed sequences.",
)
