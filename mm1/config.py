"""Every field a cell can vary, validated. Importing this never imports torch."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from mm1.connectors import connectors
from mm1.data import mixes
from mm1.encoders import encoders, objectives
from mm1.language import language_models
from mm1.registry import Registry, UnknownName

Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0)]
TIED_DECAY = 0.1
"""Weight decay over learning rate where they are tied (MM1, section 3.4)."""


def _known(registry: Registry, name: str) -> str:
    try:
        return registry.check(name)
    except UnknownName as error:
        raise ValueError(str(error)) from None


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class EncoderPretraining(_Section):
    """Pre-training of an encoder on pictures and captions. `seed: null` follows the cell's seed."""

    objective: str = "contrastive"
    seed: int | None = Field(default=None, ge=0)
    steps: int = Field(default=3000, ge=0)
    batch: Positive = 256
    pairs: Positive = Field(default=40_000, description="pictures with captions in its training pool")
    synthetic_share: Fraction = Field(
        default=0.6, description="share of these captions that is synthetic; the rest is alt-text"
    )
    learning_rate: Rate = 2e-3
    weight_decay: float = Field(default=0.05, ge=0)

    _objective = field_validator("objective")(lambda value: _known(objectives, value))


class Encoder(_Section):
    """A vision transformer from timm; `pretrained` is a timm model name whose weights replace pre-training."""

    type: str = "vit"
    resolution: Positive = 48
    patch: Positive = 8
    width: Positive = 64
    depth: Positive = 4
    heads: Positive = 4
    learning_rate_scale: Rate = 1.0
    layer: int = Field(
        default=-1, le=-1, description="which block's output the connector reads, from the end"
    )
    pretrained: str | None = None
    frozen: bool = False
    pretraining: EncoderPretraining = EncoderPretraining()

    _type = field_validator("type")(lambda value: _known(encoders, value))

    @model_validator(mode="after")
    def _fits(self) -> Encoder:
        if self.pretrained is None and self.resolution % self.patch:
            raise ValueError(f"resolution: {self.resolution} is not divisible by the patch size {self.patch}")
        if self.width % self.heads:
            raise ValueError(f"width: {self.width} is not divisible by {self.heads} heads")
        if self.layer < -self.depth and self.pretrained is None:
            raise ValueError(f"layer: {self.layer} reaches beyond the {self.depth} blocks")
        return self


class Connector(_Section):
    """What turns L patch features into `tokens` image tokens for the LM."""

    type: str = "c-abstractor"
    tokens: Positive = 9
    depth: int = Field(default=1, ge=0, description="RegStage blocks before and after the pooling")
    learning_rate_scale: Rate = 1.0
    frozen: bool = False

    _type = field_validator("type")(lambda value: _known(connectors, value))

    @field_validator("tokens")
    @classmethod
    def _square(cls, value: int) -> int:
        if math.isqrt(value) ** 2 != value:
            near = math.isqrt(value)
            raise ValueError(f"{value} is not a perfect square; nearest: {near**2} or {(near + 1) ** 2}")
        return value


class LanguagePretraining(_Section):
    """Text-only pre-training of the LM."""

    seed: int = Field(default=0, ge=0)
    steps: int = Field(default=3000, ge=0)
    batch: Positive = Field(default=16, description="packed sequences of 256 tokens per step")
    documents: Positive = Field(default=40_000, description="text-only pages in its training pool")
    learning_rate: Rate = 3e-3
    weight_decay: float = Field(default=0.05, ge=0)


class Experts(_Section):
    """A mixture of experts in place of the feed-forward part of every n-th block (MM1, section 3.4); 0: dense."""

    count: int = Field(default=0, ge=0, description="experts in a sparse block; 0: every block is dense")
    every: Positive = Field(default=2, description="every how many blocks one is sparse")
    per_token: Positive = Field(default=2, description="experts that a token is sent to")
    balance: float = Field(default=0.01, ge=0, description="weight of the load-balance loss")
    router_z: float = Field(default=0.001, ge=0, description="weight of the router z-loss")

    @model_validator(mode="after")
    def _enough(self) -> Experts:
        if 0 < self.count < self.per_token:
            raise ValueError(f"count: {self.count} experts are fewer than the {self.per_token} of a token")
        return self


class Language(_Section):
    """A decoder LM from transformers; `pretrained` is a local path or hub name."""

    type: str = "llama"
    width: Positive = 96
    depth: Positive = 3
    heads: Positive = 4
    mlp_ratio: Rate = 3.0
    pretrained: str | None = None
    learning_rate_scale: Rate = 1.0
    frozen: bool = False
    experts: Experts = Experts()
    pretraining: LanguagePretraining = LanguagePretraining()

    _type = field_validator("type")(lambda value: _known(language_models, value))

    @model_validator(mode="after")
    def _fits(self) -> Language:
        if self.width % (2 * self.heads):
            raise ValueError(f"width: {self.width} does not give {self.heads} heads of even size")
        if self.experts.count and self.type == "llama":
            raise ValueError("experts.count: a llama is dense; language.type: qwen3-moe has experts")
        if self.experts.count and self.experts.every > self.depth:
            raise ValueError(
                f"experts.every: {self.experts.every} leaves none of the {self.depth} blocks sparse"
            )
        return self


class World(_Section):
    """The micro world on disk: how much of each kind is drawn, from which seed."""

    seed: int = Field(default=0, ge=0)
    captions: Positive = 24_000
    interleaved: Positive = 8_000
    text: Positive = 16_000
    synthetic_share: Fraction = Field(
        default=0.35, description="share of the captions that is synthetic; the rest is alt-text"
    )
    benchmark_items: Positive = 160
    shot_pool: Positive = 200


class Source(_Section):
    """Documents on disk. `format` is a reader's name; `path` may hold a glob."""

    format: Literal["arrow", "webdataset", "parquet-captions", "obelics", "mmc4", "jsonl"]
    path: str


class Data(_Section):
    """Where documents come from: the micro world, or readers over files on disk, by source name.

    `mix` is a registered name or source -> weight; the unit of a weight is one packed sequence.
    """

    world: World | None = World()
    sources: dict[str, Source] = {}
    benchmarks: str | None = Field(
        default=None, description="folder of exported benchmarks; null: the world's"
    )
    mix: str | dict[str, Annotated[float, Field(ge=0)]] = "mm1"
    synthetic_share: Fraction | None = Field(
        default=None,
        description="share of the captions that is synthetic: of the world's, or drawn from a source `synthetic`",
    )
    max_corrupt: Fraction = Field(
        default=0.01, description="share of unreadable documents that fails the run"
    )

    @field_validator("mix")
    @classmethod
    def _mix(cls, value: str | dict[str, float]) -> dict[str, float]:
        if isinstance(value, str):
            value = mixes.get(_known(mixes, value))
        if sum(value.values()) <= 0:
            raise ValueError("the weights of a mix must sum to more than 0")
        return {name: float(weight) for name, weight in value.items() if weight > 0}

    @model_validator(mode="after")
    def _covered(self) -> Data:
        have = set(self.sources) | ({"captions", "interleaved", "text"} if self.world else set())
        if missing := sorted(set(self.mix) - have):
            raise ValueError(f"mix: no source named {missing}; known: {sorted(have)}")
        if self.synthetic_share is not None and not self.world and "synthetic" not in self.sources:
            raise ValueError("synthetic_share: there is no world, and no source is named 'synthetic'")
        return self

    def with_synthetic(self) -> dict[str, Any]:
        """Plain data in which the share of synthetic captions is written out where it takes effect."""
        values = self.model_dump(mode="json")
        world, share, mix = values["world"], self.synthetic_share, values["mix"]
        if world:
            share = world["synthetic_share"] if share is None else share
            values["synthetic_share"] = world["synthetic_share"] = share
        elif share is not None and "synthetic" not in mix:
            captions = mix.pop("captions", 0.0)
            parts = {"captions": captions * (1 - share), "synthetic": captions * share}
            values["mix"] = mix | {name: weight for name, weight in parts.items() if weight > 0}
        return values


class Training(_Section):
    """The multimodal pre-training stage: AdamW, warm-up then cosine to 10 %, clipping, accumulation."""

    steps: Positive = 800
    sequences: Positive = Field(
        default=8, description="packed sequences per optimiser step, all ranks together"
    )
    sequence_length: Positive = 256
    accumulate: Positive = 1
    learning_rate: Rate = 2e-3
    weight_decay: Annotated[float, Field(ge=0)] | Literal["tied"] = Field(
        default=0.01, description="tied: a tenth of the learning rate, MM1's rule"
    )
    warmup: int = Field(default=50, ge=0)
    clip: Rate = 1.0
    precision: Literal["32-true", "bf16-mixed", "bf16-true"] = "32-true"
    checkpoint_every: Positive = 200

    @model_validator(mode="after")
    def _divides(self) -> Training:
        if self.sequences % self.accumulate:
            raise ValueError(f"accumulate: {self.accumulate} does not divide the {self.sequences} sequences")
        return self


class Prompts(_Section):
    """Few-shot templates. One example is the image, its template, and the answer; examples follow one another."""

    caption: str = "{image} {answer} ."
    question: str = "{image} question : {question} answer : {answer} ."
    stop: str = Field(default=".", min_length=1)
    zero_shot: Literal["true", "text-shots"] = Field(
        default="true", description="text-shots: two examples without their images, as in OpenFlamingo"
    )

    @field_validator("caption", "question")
    @classmethod
    def _slots(cls, template: str, info: ValidationInfo) -> str:
        wanted = (
            ["{image}", "{question}", "{answer}"]
            if info.field_name == "question"
            else ["{image}", "{answer}"]
        )
        found = re.findall(r"\{\w*\}", template)
        if sorted(found) != sorted(wanted) or found[-1] != "{answer}":
            raise ValueError(
                f"needs each of {', '.join(wanted)} once, the answer last; found: {', '.join(found)}"
            )
        return template


class Decoding(_Section):
    """Generation settings; one beam is greedy."""

    max_tokens: Positive = 20
    beams: Positive = 1


class Evaluation(_Section):
    """Benchmarks, shots and prompts of the evaluation stage."""

    shots: tuple[Annotated[int, Field(ge=0)], ...] = (0, 4, 8)
    items: Positive = Field(default=120, description="items of each benchmark that are evaluated")
    batch: Positive = 32
    seed: int = Field(default=0, ge=0, description="which shots are drawn; the same for every cell")
    prompts: Prompts = Prompts()
    decoding: Decoding = Decoding()


class Experiment(_Section):
    """One cell's full configuration."""

    seed: int = Field(default=0, ge=0)
    encoder: Encoder = Encoder()
    connector: Connector = Connector()
    language: Language = Language()
    data: Data = Data()
    training: Training = Training()
    evaluation: Evaluation = Evaluation()

    def resolved(self) -> dict[str, Any]:
        """The configuration as plain data, with every default and every derived value written out."""
        values = self.model_dump(mode="json")
        values["data"] = self.data.with_synthetic()
        pretraining = values["encoder"]["pretraining"]
        if pretraining["seed"] is None:
            pretraining["seed"] = self.seed
        training = values["training"]
        if training["weight_decay"] == "tied":
            training["weight_decay"] = TIED_DECAY * training["learning_rate"]
        return values
