"""Placing early-exit networks over device, edge and cloud: instances, FIN, exact optima, competitors.

Source: Singhal et al., "Resource-aware Deployment of Dynamic DNNs over Multi-tiered Interconnected Systems",
INFOCOM 2024, arXiv 2404.08060.
"""
