"""The multimodal stage: the whole model on packed documents of the mix; and the LM's own stage, on text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from mm1.config import Experiment, Experts
from mm1.training import Budget

if TYPE_CHECKING:
    from transformers.modeling_outputs import CausalLMOutputWithPast


def multimodal_loss(model: nn.Module, batch: dict[str, Tensor], experts: Experts) -> dict[str, Tensor]:
    """`loss`: mean next-token loss over text positions of packed documents, plus the routers' if there are any."""
    routing = {"output_router_logits": True} if experts.count else {}
    output = model(batch["input_ids"], batch["position_ids"], batch["images"], batch["labels"], **routing)
    return _with_routers(output, batch["input_ids"] != model.language.config.pad_token_id, experts)


def text_loss(model: nn.Module, batch: dict[str, Tensor], experts: Experts) -> dict[str, Tensor]:
    """The same for a bare LM."""
    fields: dict[str, Any] = {name: batch[name] for name in ("input_ids", "position_ids", "labels")}
    if experts.count:
        fields["output_router_logits"] = True
    output = model(**fields, use_cache=False)
    return _with_routers(output, batch["input_ids"] != model.config.pad_token_id, experts)


def _with_routers(output: CausalLMOutputWithPast, real: Tensor, experts: Experts) -> dict[str, Tensor]:
    if not experts.count:
        return {"loss": output.loss}
    from mm1.language.sparse import router_losses

    found = router_losses(output.router_logits, real.flatten(), experts)
    extra = experts.balance * found["balance"] + experts.router_z * found["router_z"]
    return {"loss": output.loss + extra, "next_token_loss": output.loss, **found}


def multimodal_budget(config: Experiment) -> Budget:
    """The budget of the multimodal stage."""
    training = config.training
    return Budget(
        steps=training.steps,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        warmup=training.warmup,
        clip=training.clip,
        accumulate=training.accumulate,
        precision=training.precision,
        checkpoint_every=training.checkpoint_every,
        scales={
            name: getattr(config, name).learning_rate_scale for name in ("encoder", "connector", "language")
        },
    )


def held_out_loss(model: nn.Module, batches: Sequence[Mapping[str, Tensor]]) -> float:
    """Mean next-token loss over batches, without training."""
    import torch

    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    names, losses = ("input_ids", "position_ids", "images", "labels"), []
    with torch.inference_mode():
        for batch in batches:
            losses.append(float(model(*(batch[name].to(device) for name in names)).loss))
    model.train(was_training)
    return sum(losses) / len(losses)
