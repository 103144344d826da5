"""Sources, mixes and packing: from documents on disk to batches of full sequences."""

from mm1.registry import Registry

mixes = Registry("data mix", group="mm1.mixes")
mixes.register("mm1", "mm1.data.named_mixes:MM1")
mixes.register("captions-only", "mm1.data.named_mixes:CAPTIONS_ONLY")
mixes.register("interleaved-only", "mm1.data.named_mixes:INTERLEAVED_ONLY")
mixes.register("no-text", "mm1.data.named_mixes:NO_TEXT")
