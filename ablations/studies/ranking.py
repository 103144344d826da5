"""Which choices matter most? MM1's lessons on encoder and connector, over the cells of all studies."""

from ablations.ranking import Factor, Order, Ranking

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
        Factor("text beside one source", "text-only", ("data.mix",)),
        Factor("share of text", "image-text-ratio", ("data.mix",)),
        Factor("synthetic captions", "synthetic-captions", ("data.synthetic_share",)),
        Factor("experts", "moe", ("language.experts.count", "language.experts.every")),
        Factor("frozen parts", "unfreezing", ("encoder.frozen", "language.frozen")),
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
