"""Connectors: `forward(features (N, L, D), grid (h, w)) -> (N, M, width of the LM)`."""

from mm1.registry import Registry

connectors = Registry("connector", group="mm1.connectors")
connectors.register("average-pool", "mm1.connectors.average_pool:AveragePool")
connectors.register("attention-pool", "mm1.connectors.attention_pool:AttentionPool")
connectors.register("c-abstractor", "mm1.connectors.c_abstractor:CAbstractor")
