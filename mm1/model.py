"""Encoder -> connector -> decoder: the multimodal language model of MM1, assembled from a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mm1.config import Experiment
from mm1.connectors import connectors
from mm1.encoders import encoders
from mm1.language import language_models

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast
    from transformers.modeling_outputs import CausalLMOutputWithPast


class MultimodalLM(nn.Module):
    """A decoder LM that reads images as `image_tokens` embeddings each, anywhere in the sequence.

    Attributes:
        image_tokens: M, embeddings per image.
        image_token_id: the placeholder id that image embeddings replace.
    """

    def __init__(self, config: Experiment, tokenizer: PreTrainedTokenizerFast) -> None:
        super().__init__()
        self.image_tokens = config.connector.tokens
        self.image_token_id = tokenizer.convert_tokens_to_ids("<image>")
        self.encoder = encoders.get(config.encoder.type)(config.encoder)
        self.language = language_models.get(config.language.type)(config.language, tokenizer)
        self.connector = connectors.get(config.connector.type)(
            self.encoder.width,
            self.language.config.hidden_size,
            config.connector.tokens,
            self.encoder.grid,
            config.connector.depth,
        )
        frozen = {"encoder": config.encoder.frozen, "connector": config.connector.frozen}
        frozen["language"] = config.language.frozen
        self.frozen = [name for name, is_frozen in frozen.items() if is_frozen]
        for name in self.frozen:
            getattr(self, name).requires_grad_(False)

    def train(self, mode: bool = True) -> MultimodalLM:
        """Frozen parts stay in evaluation mode."""
        super().train(mode)
        for name in self.frozen:
            getattr(self, name).eval()
        return self

    def encode_images(self, images: Tensor) -> Tensor:
        """uint8 images (N, 3, R, R) -> image tokens (N, M, width of the LM)."""
        features = self.encoder(self.encoder.preprocess(images))
        return self.connector(features, self.encoder.grid)

    def embed(self, input_ids: Tensor, image_tokens: Tensor | None) -> Tensor:
        """Ids (B, T) -> embeddings (B, T, d), image tokens (N, M, d) in reading order over the placeholders."""
        embeddings = self.language.get_input_embeddings()(input_ids)
        if image_tokens is None:
            return embeddings
        places = (input_ids == self.image_token_id).unsqueeze(-1)
        return embeddings.masked_scatter(places, image_tokens.to(embeddings.dtype))

    def forward(
        self,
        input_ids: Tensor,
        position_ids: Tensor,
        images: Tensor,
        labels: Tensor | None = None,
        **wanted: bool,
    ) -> CausalLMOutputWithPast:
        """Packed sequences -> the LM's output, with the mean next-token loss if labels are given.

        Args:
            input_ids: (B, T), `image_token_id` where image tokens go.
            position_ids: (B, T), starting at 0 with every document: this alone keeps documents apart.
            images: uint8 (N, 3, R, R) of all sequences in reading order; N may be 0.
            labels: (B, T), -100 where nothing is to be predicted.
            wanted: what else the LM is to give, such as `output_router_logits`.
        """
        image_tokens = self.encode_images(images) if len(images) else self._untouched()
        embeddings = self.embed(input_ids, image_tokens)
        return self.language(
            inputs_embeds=embeddings, position_ids=position_ids, labels=labels, use_cache=False, **wanted
        )

    def trainable_parameters(self) -> int:
        """How many numbers training may change."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def _untouched(self) -> Tensor | None:
        """Image tokens that no place takes, for a batch without images: encoder and connector get gradients of zero.

        Every rank of DDP needs some for every part; with a frozen language model there would be none at all.
        """
        ranks = torch.distributed.is_available() and torch.distributed.is_initialized()
        if not ranks and "language" not in self.frozen:
            return None
        size = self.encoder.trunk.patch_embed.img_size
        device = self.language.device
        return self.encode_images(torch.zeros(1, 3, *size, dtype=torch.uint8, device=device))
