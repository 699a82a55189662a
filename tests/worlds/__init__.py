"""The five worlds: scenarios, kernels, bounds."""
