"""Sources, mixes and packing: from documents on disk to batches of full sequences."""

from mm1.registry import Registry

mixes = Registry("data mix", group="mm1.mixes")
mixes.register("mm1", "mm1.data.mixes:MM1")
mixes.register("captions-only", "mm1.data.mixes:CAPTIONS_ONLY")
mixes.register("interleaved-only", "mm1.data.mixes:INTERLEAVED_ONLY")
mixes.register("no-text", "mm1.data.mixes:NO_TEXT")
