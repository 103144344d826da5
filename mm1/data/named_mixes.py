"""Named data mixes: source name -> weight. The unit of a weight is one packed sequence, as in MM1."""

MM1 = {"captions": 45, "interleaved": 45, "text": 10}
CAPTIONS_ONLY = {"captions": 100}
INTERLEAVED_ONLY = {"interleaved": 100}
NO_TEXT = {"captions": 50, "interleaved": 50}
