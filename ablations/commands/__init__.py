"""What the subcommands of `ablate` do, once their options are read.

The one place of `ablations` that imports `reports`, to print and write what a sweep has found.
"""
