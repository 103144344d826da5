"""What the subcommands of `ablate` do, once their options are read."""
