"""The system under study: a multimodal language model assembled from swappable parts."""
