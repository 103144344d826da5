"""Which choices matter most? MM1's lessons on encoder and connector, over the cells of all studies."""

from ablations.ranking import Factor, Order, Ranking
from ablations.studies.text_only import CAPTIONS, CAPTIONS_TEXT, INTERLEAVED, INTERLEAVED_TEXT

RANKING = Ranking(
    question="Which design choices matter most, over all studies?",
    lesson=(
        "Image resolution has the highest impact, then model size, then the encoder's data; visual tokens and"
        " resolution matter more than the connector."
    ),
    metric="eval/average/8shot",
    factors=(
        Factor("resolution", "encoder-resolution", ("encoder.resolution",)),
        Factor("encoder size", "encoder-size", ("encoder.width", "encoder.depth")),
        Factor("encoder data", "encoder-data", ("encoder.pretraining.synthetic_share",)),
        Factor("encoder objective", "encoder-objective", ("encoder.pretraining.objective",)),
        Factor("connector type", "connector", ("connector.type",)),
        Factor("image tokens", "connector", ("connector.tokens",)),
        Factor("resolution beside the connector", "connector", ("encoder.resolution",)),
        Factor("captions or interleaved", "data-mix", ("data.mix",)),
        Factor("text beside captions", "text-only", ("data.mix",), (CAPTIONS, CAPTIONS_TEXT)),
        Factor("text beside interleaved", "text-only", ("data.mix",), (INTERLEAVED, INTERLEAVED_TEXT)),
        Factor("share of text", "image-text-ratio", ("data.mix",)),
        Factor("synthetic captions", "synthetic-captions", ("data.synthetic_share",)),
        Factor("language model size", "lr-scaling", ("language.width", "language.depth")),
        Factor("learning rate", "lr-scaling", ("training.learning_rate",)),
        Factor("experts", "moe", ("language.experts.count", "language.experts.every")),
        Factor("encoder frozen", "unfreezing", ("encoder.frozen",)),
        Factor("language model frozen", "unfreezing", ("language.frozen",)),
    ),
    orders=(
        Order(
            "resolution-over-size", "resolution matters more than encoder size", "resolution", "encoder size"
        ),
        Order(
            "size-over-data",
            "encoder size matters more than the encoder's data",
            "encoder size",
            "encoder data",
        ),
        Order(
            "tokens-over-type",
            "image tokens matter more than the connector type",
            "image tokens",
            "connector type",
        ),
        Order(
            "resolution-over-type",
            "resolution matters more than the connector type",
            "resolution beside the connector",
            "connector type",
        ),
    ),
)
